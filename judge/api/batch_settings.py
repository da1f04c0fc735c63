"""How requests go off in batches."""

from typing import Literal

from pydantic import Field

from prompts.settings import Settings


class BatchSettings(Settings):
    """With `judge.delivery: batch`."""

    requests: int = Field(default=10_000, ge=2, le=50_000, description="Requests in one batch, at most.")
    poll_s: float = Field(
        default=30.0,
        gt=0.0,
        description="Seconds before a batch is first looked at; then ever longer, up to ten times that.",
    )
    missing: Literal["live", "batch"] = Field(
        default="live",
        description="How requests are asked again that a batch left without an answer (expired, failed).",
    )
