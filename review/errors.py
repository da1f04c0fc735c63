"""What can go wrong around people's labels.

ReviewError
├── UnknownItem          no such item in the queue of this run
└── UnequalInclusion     labels meant for one estimate were drawn with different probabilities
"""


class ReviewError(Exception):
    """Base of the errors of `review`."""


class UnknownItem(ReviewError):
    """The queue has no item of this id, or its comparison is gone."""


class UnequalInclusion(ReviewError):
    """The estimate assumes a simple random sample; the labels' inclusion probabilities say otherwise."""
