"""The judge's errors, one tree.

    JudgeError
    ├── BadLabelledData      labelled comparisons that cannot be read; nothing was asked yet
    ├── JudgeSettingsError   the judge cannot be built as configured; nothing was asked yet
    └── JudgeStopped         going on is pointless; the whole stage stops and can be resumed

A comparison that could not be judged is not an error: it is an unscored verdict with its reason.
"""


class JudgeError(Exception):
    """Base of everything this package raises on purpose."""


class BadLabelledData(JudgeError):
    """Data to measure a judge on that cannot be read; the message lists every bad row with file, line and reason."""


class JudgeSettingsError(JudgeError):
    """The settings name something that is missing or does not fit (template, key, scorer)."""


class JudgeStopped(JudgeError):
    """No comparison can be judged any more: wrong key, unknown model, no permission, or a server that is gone."""
