"""Round 1 of `rlaif run`, in a process of its own: `python -m benchmarks.our_round TASK.json RESULT.json`."""

import sys
from pathlib import Path

from benchmarks.played import RUN, OurRound, Task
from loop.rounds import run
from store.store import Store


def play(task: Task) -> OurRound:
    """Play the round and read off the store what it was."""
    summary = run(task.config, name=RUN, rounds=1).rounds[0]
    with Store.open(task.config.store_url) as store:
        units = store.run(RUN)
        tokens = sum(sample.tokens + (sample.finish_reason == "stop") for sample in units.samples(1, "train"))
        sides = {
            verdict.comparison_id: verdict.p_first > 0.5
            for verdict in units.verdicts(1, "train")
            if verdict.p_first is not None
        }
    return OurRound(
        seconds=summary.seconds, tokens=tokens, comparisons=summary.verdicts, pairs=summary.pairs, sides=sides
    )


if __name__ == "__main__":
    played = play(Task.model_validate_json(Path(sys.argv[1]).read_text("utf-8")))
    Path(sys.argv[2]).write_text(played.model_dump_json(), "utf-8")
