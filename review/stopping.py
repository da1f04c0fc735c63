"""When a run is over."""

from collections.abc import Sequence

from store.records import Decision


def why_stopped(decisions: Sequence[Decision], played: int, rounds: int, patience: int) -> str | None:
    """Why no round follows the first `played` ones; None where one does.

    A rollback by hand starts the count of kept rounds anew.
    """
    kept = 0
    for decision in decisions:
        if decision.round <= played:
            kept = kept + 1 if decision.kind == "keep" else 0
    if kept >= patience:
        return f"the gate kept the incumbent {kept} {'times' if kept > 1 else 'time'} in a row"
    return f"all {max(played, rounds)} rounds asked for were played" if played >= rounds else None
