"""What can go wrong in a run.

LoopError
├── ConfigError     the configuration is wrong: nothing was loaded, nothing was spent (exit code 2)
├── RunNotFound     no run of that name in the store (exit code 2)
└── RunStopped      the run cannot go on now; the same command resumes it once the cause is gone (exit code 3)
"""


class LoopError(Exception):
    """Base of the errors of `loop`."""


class ConfigError(LoopError):
    """The configuration is wrong; the message lists every fault with its place and the nearest known key."""


class RunNotFound(LoopError):
    """The store has no such run; the message names the ones it has."""


class RunStopped(LoopError):
    """The run stopped half-way for a reason outside it; everything so far is kept."""
