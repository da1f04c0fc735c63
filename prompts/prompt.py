"""A prompt: the chat messages a policy is asked to answer."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from prompts.hashing import content_id

Role = Literal["system", "user", "assistant"]
Split = Literal["train", "heldout"]


class Message(BaseModel):
    """One turn of a chat."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Role
    content: str


class Prompt(BaseModel):
    """Chat messages that end with a user's turn. Two prompts with the same messages are the same prompt.

    `source` says where it was read (file and line, or data set and row); `tags` carry what is known about
    it, such as the axis (`helpful`, `harmless`). `reference` is an answer known to be good, which a judge may be
    shown and a policy never is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    messages: tuple[Message, ...] = Field(min_length=1)
    split: Split
    source: str = ""
    tags: tuple[str, ...] = ()
    reference: str | None = None
    id: str = Field(
        default_factory=lambda data: content_id("prm", [[m.role, m.content] for m in data["messages"]])
    )

    @property
    def text(self) -> str:
        """The last user turn."""
        return self.messages[-1].content
