"""The policy, how it is sampled, and how it is trained. Nothing here imports torch."""

from typing import Any, Literal

from pydantic import Field

from prompts.settings import Settings


class PolicySettings(Settings):
    """Which model starts the run."""

    model: str = Field(description="`starter`, a model folder, or a model id on the Hugging Face hub.")
    revision: str | None = Field(
        default=None, description="Commit of a hub model. Needed for a hub id: an unpinned model can change."
    )
    device: str = Field(default="auto", description="auto, cpu, cuda, cuda:N or mps.")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="auto: bfloat16 on a GPU that has it, else float32."
    )
    attention: Literal["auto", "sdpa", "eager", "flash_attention_2"] = Field(
        default="auto", description="Implementation of attention; auto leaves it to transformers."
    )
    chat_template: str | None = Field(
        default=None, description="Path of a Jinja chat template, for a model whose tokenizer has none."
    )
    template_arguments: dict[str, Any] = Field(
        default_factory=dict,
        description="Passed to the chat template, such as {enable_thinking: false} for a reasoning model.",
    )
    trust_remote_code: bool = Field(
        default=False, description="Run code that comes with the model. Off: refuse."
    )


class SamplerSettings(Settings):
    """How answers are drawn."""

    kind: Literal["local", "server"] = Field(
        default="local",
        description="In this process, or by an OpenAI-compatible server started for each revision.",
    )
    k: int = Field(default=4, ge=2, le=64, description="Answers a prompt.")
    temperature: float = Field(
        default=1.0, ge=0.0, description="Divides the logits; 0 takes the likeliest token."
    )
    top_p: float = Field(
        default=1.0,
        gt=0.0,
        le=1.0,
        description="Draw from the likeliest tokens that make up this probability.",
    )
    max_new_tokens: int = Field(default=512, ge=1, description="Longer answers are cut, and counted as cut.")
    shard_prompts: int = Field(
        default=64, ge=1, description="Prompts in one fixed shard, the unit of resuming."
    )
    batch_tokens: int = Field(
        default=16_384, ge=64, description="Padded tokens (prompt and new) in one batch: bounds the KV cache."
    )
    serve_command: str | None = Field(
        default=None,
        description="For kind server: the command that serves a folder, with {path} and {port}, such as "
        "`vllm serve {path} --port {port}`.",
    )
    serve_timeout_s: float = Field(
        default=600.0, gt=0.0, description="How long the server may take to start."
    )
    concurrency: int = Field(default=64, ge=1, description="For kind server: requests in flight.")


class LoraSettings(Settings):
    """Low-rank adapters; merged into the weights when a round ends."""

    r: int = Field(default=16, ge=1, description="Rank.")
    alpha: int = Field(default=32, ge=1, description="The update is scaled by alpha / r.")
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0, description="On the adapters' inputs.")
    target_modules: str | list[str] = Field(
        default="all-linear",
        description="Modules with adapters, by name; all-linear: all but the output layer.",
    )


class TrainSettings(Settings):
    """Direct preference optimization by trl's DPOTrainer; the reference is the policy the samples came from."""

    loss: str = Field(
        default="sigmoid", description="A `loss_type` of trl's DPOConfig, such as ipo or robust."
    )
    beta: float = Field(
        default=0.1, gt=0.0, description="How strongly the reference holds: higher stays nearer to it."
    )
    learning_rate: float | None = Field(
        default=None,
        gt=0.0,
        description="Default by trainable size: 1e-4 with LoRA or under 10M parameters, 5e-6 under 1B, 5e-7 above.",
    )
    epochs: float = Field(default=1.0, gt=0.0, description="Passes over the round's pairs.")
    batch_size: int = Field(default=32, ge=1, description="Pairs in one optimizer step, over all devices.")
    device_batch_size: int | None = Field(
        default=None,
        ge=1,
        description="Pairs on one device at once; the rest accumulates. Default: chosen by size.",
    )
    max_length: int = Field(
        default=1024, ge=8, description="Tokens of prompt and answer; longer pairs are left out."
    )
    warmup_ratio: float = Field(
        default=0.1, ge=0.0, lt=1.0, description="Share of the steps in which the learning rate rises."
    )
    scheduler: str = Field(default="cosine", description="A `lr_scheduler_type` of transformers.")
    weight_decay: float = Field(default=0.0, ge=0.0, description="Of AdamW.")
    max_grad_norm: float = Field(default=1.0, gt=0.0, description="Gradients are clipped to this norm.")
    gradient_checkpointing: bool | None = Field(
        default=None, description="Default: only above 1B parameters."
    )
    lora: LoraSettings | None = None
    save_steps: int = Field(
        default=200, ge=1, description="Optimizer steps between checkpoints inside a round."
    )
    launcher: list[str] = Field(
        default_factory=list,
        description="Put before `-m policy.train_job`, such as [accelerate, launch, --num_processes, '2'].",
    )
    extra: dict[str, Any] = Field(
        default_factory=dict, description="Further fields of trl's DPOConfig, passed as they are."
    )
