"""Exit codes: what each error of ours means to a shell, in one table.

0 done · 1 unexpected · 2 bad input or configuration, nothing was started · 3 the run stopped half-way and the same
command resumes it · 130 interrupted.
"""

from judge.errors import JudgeError, JudgeStopped
from loop.errors import LoopError, RunStopped
from policy.errors import PolicyError, SamplingFailed, TrainingFailed
from prompts.errors import PromptError
from review.errors import ReviewError
from review.visible import visible
from store.errors import StoreBusy, StoreError

UNEXPECTED, BAD_INPUT, RESUMABLE, INTERRUPTED = 1, 2, 3, 130

TABLE: tuple[tuple[type[Exception], int], ...] = (
    (RunStopped, RESUMABLE),
    (JudgeStopped, RESUMABLE),
    (SamplingFailed, RESUMABLE),
    (TrainingFailed, RESUMABLE),
    (StoreBusy, RESUMABLE),
    (LoopError, BAD_INPUT),
    (PromptError, BAD_INPUT),
    (StoreError, BAD_INPUT),
    (JudgeError, BAD_INPUT),
    (PolicyError, BAD_INPUT),
    (ReviewError, BAD_INPUT),
    (FileExistsError, BAD_INPUT),
    (FileNotFoundError, BAD_INPUT),
)
"""The first row whose class fits; anything else is unexpected."""


def explain(error: Exception) -> tuple[int, str]:
    """The exit code of an error and what stderr says: its message, and what to do where it does not say so."""
    code = next((code for kind, code in TABLE if isinstance(error, kind)), UNEXPECTED)
    message = visible(str(error))
    if code == RESUMABLE:
        return (
            code,
            f"rlaif stopped: {message}\nEverything so far is kept; the same command goes on from there.",
        )
    if code == UNEXPECTED:
        return code, (
            f"rlaif failed unexpectedly: {type(error).__name__}: {message}\n"
            "What was finished is kept. RLAIF_DEBUG=1 shows where it failed."
        )
    return code, f"rlaif: {message}"
