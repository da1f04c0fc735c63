"""Everything stored of one run: the parts by noun, under one name."""

from store.answers import Answers
from store.claims import Claims
from store.database import Database
from store.effects import Effects
from store.exported_tasks import ExportedTasks
from store.label_batches import LabelBatches
from store.outcomes import Outcomes
from store.progress import Progress
from store.queue_counts import QueueCounts
from store.records import Run
from store.reveals import Reveals
from store.revisions import Revisions
from store.shadows import Shadows


class RunStore(
    Answers,
    Shadows,
    Outcomes,
    LabelBatches,
    Claims,
    Reveals,
    QueueCounts,
    Effects,
    Revisions,
    Progress,
    ExportedTasks,
):
    """The units of one run. Adding is idempotent; reading streams. Got from `store.Store`.

    Safe to use from several threads, and beside other processes on the same database.
    """

    def __init__(self, database: Database, run: Run) -> None:
        super().__init__(database, run.name)
        self.record = run
