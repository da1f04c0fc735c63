"""One model's rows of sampling and judging, made in a process of its own and sent home one by one."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.figures import Row, reason
from benchmarks.judging import label_logprobs_plainly
from benchmarks.machine import Bounds, forget_peak, peak_bytes, synchronize
from benchmarks.sampling import Drawn, by_length, draw_by_engine, draw_plainly, draw_with, memory_bound
from benchmarks.shapes import LABELS, Shape, Texts, new_policy, parameters, save_policy
from judge.settings import LocalJudgeSettings
from policy.continuous import ContinuousDrawing
from policy.drawing import Drawing
from policy.model import LoadedPolicy, choose_dtype
from policy.sampler import BatchDrawing
from policy.scorer import PolicyScorer
from policy.settings import SamplerSettings

WAY_LIMIT_S = 25.0
"""No way begins another batch after so long; what it has done by then is its rate."""


def inference_rows(
    shape: Shape,
    device: torch.device,
    bounds: Bounds,
    parts: tuple[str, ...],
    folder: Path,
    limit: float,
    rows: Any,
) -> None:
    """Put the model's rows on the queue `rows`, then None. Saves the model for training in `folder`/model.

    What is likeliest to fail or to take long comes last. No way begins when `limit` seconds are over.
    """
    started = time.monotonic()
    try:
        policy = new_policy(shape, device, choose_dtype("auto", device))
        if "training" in parts:
            save_policy(policy, folder / "model")
    except Exception as error:
        rows.put(Row("sampling, judging", shape.name, "building the model", note=reason(error)))
        rows.put(None)
        return
    measured = Measured(shape, policy, bounds)
    ways = measured.sampling() if "sampling" in parts else {}
    if "judging" in parts:
        ways = measured.judging() | ways
    for (part, way), work in ways.items():
        if time.monotonic() - started > limit:
            rows.put(Row(part, shape.name, way, note="no time left"))
            continue
        forget_peak(device)
        try:
            row = work()
        except Exception as error:
            row = Row(part, shape.name, way, note=reason(error))
        finally:
            policy.drop_engine()
        rows.put(row)
    rows.put(None)


Ways = dict[tuple[str, str], Callable[[], Row]]


@dataclass(frozen=True)
class Measured:
    """The ways of sampling and judging with one policy."""

    shape: Shape
    policy: LoadedPolicy
    bounds: Bounds

    def sampling(self) -> Ways:
        """By name, the plain way first, continuous batching last; transformers' own `generate_batch` only on CUDA."""
        work, policy = self.shape.work, self.policy
        prompts = Texts(self.shape).prompts()
        settings = SamplerSettings(k=work.k, max_new_tokens=work.most_new, batch_tokens=work.together)

        def plainly(chosen: list[Any]) -> Drawn:
            draw_plainly(policy, chosen[:2], work.k, 4, WAY_LIMIT_S)
            return draw_plainly(policy, chosen, work.k, work.most_new, WAY_LIMIT_S)[0]

        def ours(drawing: Drawing, warm: int) -> Drawn:
            draw_with(drawing, policy, prompts[:warm], work.k, WAY_LIMIT_S)
            return draw_with(drawing, policy, prompts, work.k, WAY_LIMIT_S)

        ways: dict[str, Callable[[], Drawn]] = {
            "generate, given order": lambda: plainly(prompts),
            "generate, sorted by length": lambda: plainly(by_length(policy, prompts)),
            "rlaif, batches": lambda: ours(BatchDrawing(policy, settings), 2),
            # The engine is made for the size of its first call and kept, so the call before has to be as large.
            "rlaif, continuous batching": lambda: ours(ContinuousDrawing(policy, settings), len(prompts)),
        }
        if policy.device.type == "cuda":
            ways["generate_batch"] = lambda: draw_by_engine(policy, prompts, work.k, work.most_new)
        return {("sampling", way): partial(self._drawn, way, draw) for way, draw in ways.items()}

    def _drawn(self, way: str, draw: Callable[[], Drawn]) -> Row:
        drawn = draw()
        weights = parameters(self.shape) * self.policy.dtype.itemsize
        kv = self.shape.kv_bytes(self.policy.dtype)
        longest = max(new for _, new in drawn.lengths)
        return Row(
            part="sampling",
            model=self.shape.name,
            way=way,
            rate=drawn.tokens / drawn.seconds,
            unit="tokens/s",
            bound=memory_bound(drawn.lengths, weights, kv, self.bounds.bandwidth),
            basis="memory",
            seconds=drawn.seconds,
            peak_bytes=peak_bytes(self.policy.device),
            note=f"{len(drawn.lengths)} answers of {drawn.tokens / len(drawn.lengths):.0f} tokens on average, "
            f"{longest} at most",
        )

    def judging(self) -> Ways:
        """By name, the plain way first."""
        chats = Texts(self.shape, seed=1).judgements()

        def plainly() -> Row:
            label_logprobs_plainly(self.policy, chats[:2], LABELS, WAY_LIMIT_S)
            found, seconds = label_logprobs_plainly(self.policy, chats, LABELS, WAY_LIMIT_S)
            return self._judged("a forward pass a chat", len(found), seconds)

        def ours() -> Row:
            scorer, tokens = PolicyScorer(self.policy), LocalJudgeSettings().batch_tokens
            labels = [f" {label}" for label in LABELS]
            scorer.label_logprobs(chats[:2], labels, tokens)
            synchronize(self.policy.device)
            start = time.perf_counter()
            scorer.label_logprobs(chats, labels, tokens)
            synchronize(self.policy.device)
            return self._judged("rlaif", len(chats), time.perf_counter() - start)

        return {("judging", "a forward pass a chat"): plainly, ("judging", "rlaif"): ours}

    def _judged(self, way: str, chats: int, seconds: float) -> Row:
        work = self.shape.work
        return Row(
            part="judging",
            model=self.shape.name,
            way=way,
            rate=chats / 2 / seconds,
            unit="judgements/s",
            seconds=seconds,
            peak_bytes=peak_bytes(self.policy.device),
            note=f"{chats} chats: a rubric of {work.rubric_tokens} tokens, two of four answers of "
            f"{work.judged_tokens}; both orders are one judgement",
        )
