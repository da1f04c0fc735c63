"""What can go wrong around people's labels.

ReviewError
├── UnknownItem          no such item in the queue of this run, or no such comparison
├── NothingToUndo        this reviewer has no answer that could be taken back
├── KeyTaken             the sender's key named another answer before
├── NotYetRevealed       the verdicts of this batch are not to be shown, or not yet
└── BadFile              a file of labels that cannot be taken in, or a kind of file that there is not
"""


class ReviewError(Exception):
    """Base of the errors of `review`."""


class UnknownItem(ReviewError):
    """The queue has no item of this id, or its comparison is gone."""


class NothingToUndo(ReviewError):
    """There is no answer of this reviewer to take back, or its verdict was shown to them already."""


class KeyTaken(ReviewError):
    """A key is one answer's own name; this reviewer gave it to an answer on another item."""


class NotYetRevealed(ReviewError):
    """The run shows no verdicts to reviewers, or not before the batch is full."""


class BadFile(ReviewError):
    """A file of labels was refused as a whole, and nothing of it was taken in.

    `faults` say where in the file and what is wrong there, the first of them at most (see `review.exchange.reading`).
    """

    def __init__(self, message: str, faults: tuple[str, ...] = ()) -> None:
        super().__init__("\n".join((message, *faults)))
        self.told, self.faults = message, faults
