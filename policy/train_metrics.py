"""Training's figures as they come: a JSON line a logged step, and TensorBoard where it is wanted.

After a resume, lines of steps that are about to be repeated are dropped first, so each step is there once.
"""

import json
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from policy.metrics_file import read_lines


class MetricsLog(TrainerCallback):  # type: ignore[misc]
    """Writes `{"step", "steps", name: value, …}` lines to `path`, and scalars to `tensorboard_dir`."""

    def __init__(self, path: Path, tensorboard_dir: Path | None, resumed_step: int) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = [line for line in read_lines(path) if line["step"] <= resumed_step]
        path.write_text("".join(json.dumps(line) + "\n" for line in kept), "utf-8")
        self.board = None
        if tensorboard_dir is not None:
            self.board = SummaryWriter(str(tensorboard_dir), purge_step=resumed_step + 1, flush_secs=5)

    def on_log(
        self,
        args: TrainingArguments,  # noqa: ARG002 (the callback's signature)
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        figures = {
            name: float(value) for name, value in (logs or {}).items() if isinstance(value, int | float)
        }
        if "loss" not in figures or not state.is_world_process_zero:
            return
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": state.global_step, "steps": state.max_steps} | figures) + "\n")
        for name, value in figures.items():
            if self.board is not None:
                self.board.add_scalar(name, value, state.global_step)

    def close(self) -> None:
        if self.board is not None:
            self.board.close()
