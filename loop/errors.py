"""What can go wrong in a run.

LoopError
├── ConfigError     the configuration is wrong: nothing was loaded, nothing was spent (exit code 2)
├── RunNotFound     no run of that name in the store (exit code 2)
├── BadServing      options of `rlaif serve` that do not go together (exit code 2)
└── RunStopped      the run cannot go on now; the same command resumes it once the cause is gone (exit code 3)
    └── RunBusy     another process plays it
"""


class LoopError(Exception):
    """Base of the errors of `loop`."""


class ConfigError(LoopError):
    """The configuration is wrong; the message lists every fault with its place and the nearest known key."""


class RunNotFound(LoopError):
    """The store has no such run; the message names the ones it has."""


class BadServing(LoopError):
    """The pages cannot be served this way; the message says which options go together."""


class RunStopped(LoopError):
    """The run stopped half-way for a reason outside it; everything so far is kept."""


class RunBusy(RunStopped):
    """Another process plays this run just now."""
