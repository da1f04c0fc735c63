"""The base of every configuration section, and where prompts come from."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """One section of a configuration: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PromptSettings(Settings):
    """Where prompts come from and how they are split."""

    source: str = Field(
        description="`starter` (the generated everyday questions), a JSONL or Parquet file, a folder of a "
        "Hugging Face dataset, or a dataset id on the hub."
    )
    heldout: str | None = Field(
        default=None,
        description="A second source, used whole as held-out prompts. Without it the rows' own `split` decides, "
        "and where rows have none, `heldout_share` of them by content hash.",
    )
    revision: str | None = Field(default=None, description="Pinned revision of a hub dataset.")
    config: str | None = Field(default=None, description="Configuration name of a hub dataset.")
    text_field: str | None = Field(
        default=None,
        description="Column with the prompt. Default: the first present of messages, prompt, instruction, "
        "question, turns, text.",
    )
    system: str | None = Field(default=None, description="A system message put before every plain prompt.")
    heldout_share: float = Field(
        default=0.2, gt=0.0, lt=1.0, description="Share of held-out prompts where nothing else decides."
    )
    max_train: int | None = Field(default=None, ge=1, description="Use at most this many train prompts.")
    max_heldout: int | None = Field(default=None, ge=1, description="Use at most this many held-out prompts.")
    near_duplicates: Literal["report", "drop", "refuse"] = Field(
        default="report", description="What to do with held-out prompts that nearly repeat a train prompt."
    )
