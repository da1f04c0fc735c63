"""What an endpoint was found to take, feature by feature, as it is stored and shown."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Taken = Literal["yes", "ignored", "no"]
"""`ignored`: accepted without an error, and without effect."""


class Finding(BaseModel):
    """Whether one feature works; `said` is what the server said where it does not."""

    model_config = ConfigDict(frozen=True)

    taken: Taken
    said: str = ""

    @property
    def works(self) -> bool:
        return self.taken == "yes"


class EndpointFeatures(BaseModel):
    """What one model at one endpoint takes.

    `top_logprobs` is the longest list of likely tokens that it gave (0: none), `reasoning_tokens` what it thought
    before a one-letter reply, `seconds` the median time of an answer, `requests` and tokens what finding out took.
    """

    model_config = ConfigDict(frozen=True)

    models: Finding
    system: Finding
    temperature: Finding
    max_tokens: Finding
    max_completion_tokens: Finding
    n: Finding
    logprobs: Finding
    json_schema: Finding
    json_object: Finding
    systemone: Finding
    decisions: Finding
    top_logprobs: int
    usage: bool
    reasoning_tokens: int
    seconds: float
    requests: int
    input_tokens: int
    output_tokens: int

    @classmethod
    def names(cls) -> list[str]:
        """The features, in the order they are shown."""
        return [name for name, field in cls.model_fields.items() if field.annotation is Finding]

    def finding(self, name: str) -> Finding:
        """The finding about the feature of this name."""
        found: Finding = getattr(self, name)
        return found
