"""Everything that can go wrong with a policy, as one tree.

PolicyError
├── PolicyRefused        the model cannot or must not be loaded; nothing was loaded
├── ChatTemplateError    the tokenizer cannot render a chat the way training and sampling need it
├── PromptTooLong        a prompt leaves no room for an answer
├── SamplingFailed       answers are missing after all retries
│   └── ServerFailed     the model server did not start, died, or refuses requests
├── CheckpointDamaged    a checkpoint's files are missing or are not the ones that were recorded
├── TrainingRefused      the training settings or the pairs cannot be used; nothing was trained
└── TrainingFailed       the training process ended with an error; carries the tail of its log
"""


class PolicyError(Exception):
    """Base of all errors of this package."""


class PolicyRefused(PolicyError):
    """The model cannot be loaded, or must not be; said before any weight is read."""


class ChatTemplateError(PolicyError):
    """The chat template is missing, or renders chats in a way that sampling or training cannot use."""


class PromptTooLong(PolicyError):
    """A prompt leaves no room for an answer within the model's context."""


class SamplingFailed(PolicyError):
    """Answers are missing although everything was tried."""


class ServerFailed(SamplingFailed):
    """The model server did not start, died, or refuses requests."""


class CheckpointDamaged(PolicyError):
    """A checkpoint's files are missing or differ from what was recorded."""


class TrainingRefused(PolicyError):
    """Training settings or pairs that cannot be used; said before anything is trained."""


class TrainingFailed(PolicyError):
    """The training process ended with an error. `log_tail` holds the last lines of its log."""

    def __init__(self, message: str, log_tail: str = "") -> None:
        super().__init__(f"{message}\n{log_tail}" if log_tail else message)
        self.log_tail = log_tail
