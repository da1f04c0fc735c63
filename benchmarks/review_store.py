"""A store as large as the pages must stay fast on: a million verdicts, fifty thousand items, most of them answered.

Rows are written straight into the tables, because records and their checks are not what is measured. Texts are drawn
from a pool of answers of lifelike lengths, some of them with lists, code or Chinese; ids look like real ones. A store
is made once for a size and a database and kept; whoever measures works on a copy.
"""

import hashlib
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations
from pathlib import Path
from typing import Any, NamedTuple, Self

import sqlalchemy as sa

from loop.config import load_config
from prompts.hashing import content_hash
from review.bookkeeping import refresh
from store import tables
from store.records import Run
from store.store import Store

RUN = "large"
_ROOT = Path(__file__).parents[1]
STARTER = _ROOT / "configs" / "starter.yaml"
CONSTITUTION = _ROOT / "prompts" / "constitutions" / "general.yaml"
PEOPLE = tuple(f"reviewer-{number:02}" for number in range(1, 16))
_START = datetime(2026, 1, 5, 9, tzinfo=UTC)
_WORDS = """
the of and to in is that it for as with on be by this are from or an at which not have can will one
more answer water light model people time heat energy number example because between first second
other would should could about into than only where there their when these some used using most also
may such like over after before value system small large simple careful question reason evidence
result method measure people
""".split()  # noqa: SIM905


@dataclass(frozen=True)
class Shape:
    """How much of everything. The default makes 1,000,000 verdicts and 50,000 items."""

    rounds: int = 20
    train_prompts: int = 4500
    heldout_prompts: int = 5000
    answers: int = 5
    train_items: int = 2000
    """Of a round: three quarters drawn at random, the rest targeted."""
    gate_items: int = 500

    @property
    def verdicts(self) -> int:
        return self.rounds * (
            self.train_prompts * self.answers * (self.answers - 1) // 2 + self.heldout_prompts
        )

    @property
    def items(self) -> int:
        return self.rounds * (self.train_items + self.gate_items)

    def smaller(self, factor: int) -> "Shape":
        """The same with fewer prompts and items."""
        return Shape(
            self.rounds,
            self.train_prompts // factor,
            self.heldout_prompts // factor,
            self.answers,
            self.train_items // factor,
            self.gate_items // factor,
        )


def make(store: Store, shape: Shape) -> dict[str, float]:
    """Fill an empty store and keep its books; how many seconds each took."""
    start = time.perf_counter()
    constitution = CONSTITUTION.read_text("utf-8")
    known = content_hash(constitution)
    config = load_config(STARTER).model_dump(mode="json")
    config["rounds"] = shape.rounds + 1
    run = store.create_run(
        Run(name=RUN, seed=1, config_hash="benchmark", config=config, device="cpu", created_at=_START)
    )
    run.save_texts({known: constitution})
    with _Sink(store) as sink:
        _Rows(shape, known).write(sink)
    inserted = time.perf_counter()
    refresh(run)
    return {"rows": inserted - start, "books": time.perf_counter() - inserted}


class _Sink:
    """Takes rows as fast as the database can: one transaction, values already in the form they are stored in."""

    def __init__(self, store: Store) -> None:
        self._dialect = store.database.engine.dialect
        self._raw = store.database.engine.raw_connection()
        self._sqlite = store.database.dialect == "sqlite"

    def __enter__(self) -> Self:
        self._cursor = self._raw.cursor()
        if self._sqlite:
            self._cursor.execute("PRAGMA synchronous=OFF")
            self._cursor.execute("PRAGMA cache_size=-2000000")
            self._cursor.execute("PRAGMA foreign_keys=OFF")
            self._cursor.execute("BEGIN")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            if not self._sqlite:
                self._cursor.execute("ANALYZE")  # what its autovacuum does by itself after a while
            self._raw.commit()
            if self._sqlite:
                self._cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._raw.invalidate()  # its settings are for this alone

    def put(self, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows, all with the columns of the first."""
        source = iter(rows)
        first = next(source, None)
        if first is None:
            return
        names = list(first)
        kinds = [table.c[name].type.dialect_impl(self._dialect) for name in names]
        binds = [kind.bind_processor(self._dialect) for kind in kinds]

        def plain(row: Mapping[str, Any]) -> list[Any]:
            return [
                value if bind is None or value is None else bind(value)
                for bind, value in zip(binds, (row[name] for name in names), strict=True)
            ]

        ready = (plain(row) for row in chain([first], source))
        columns = ", ".join(f'"{name}"' for name in names)
        if self._sqlite:
            marks = ", ".join("?" * len(names))
            insert = f'INSERT INTO "{table.name}" ({columns}) VALUES ({marks})'
            self._cursor.executemany(insert, ready)  # type: ignore[arg-type]  # SQLite takes a stream
            return
        with self._cursor.copy(f'COPY "{table.name}" ({columns}) FROM STDIN') as copy:
            for row in ready:
                copy.write_row(row)


class _Rows:
    """The rows of the run, a function of its shape alone."""

    def __init__(self, shape: Shape, constitution: str) -> None:
        self.shape = shape
        self.constitution = constitution
        self.random = random.Random(1)
        self.texts = [_answer(self.random) for _ in range(4000)]
        self.prompts = [
            (_id("prm", i), "train" if i < shape.train_prompts else "heldout", i)
            for i in range(shape.train_prompts + shape.heldout_prompts)
        ]

    def write(self, sink: _Sink) -> None:
        sink.put(tables.prompts, self._prompts())
        sink.put(tables.checkpoints, map(self._checkpoint, range(self.shape.rounds + 1)))
        for round in range(1, self.shape.rounds + 1):
            judged: list[_Judged] = []
            sink.put(tables.samples, self._samples(round))
            sink.put(tables.comparisons, self._comparisons(round, judged))
            sink.put(tables.verdicts, (self._verdict(round, one) for one in judged))
            self._people(sink, round, judged)
            sink.put(tables.pairs, self._pairs(round, judged))
            sink.put(tables.stage_markers, self._markers(round))
            sink.put(tables.decisions, [self._decision(round)])

    def _prompts(self) -> Iterator[dict[str, Any]]:
        for id, split, position in self.prompts:
            asked = f"Question {position}: {self.random.choice(self.texts)[:200]}?"
            yield {
                "run": RUN, "id": id, "position": position, "split": split, "source": "benchmark", "tags": ["helpful"],
                "messages": [{"role": "user", "content": asked}], "reference": None,
            }  # fmt: skip

    def _checkpoint(self, round: int) -> dict[str, Any]:
        return {
            "run": RUN, "id": _policy(round), "sha256": hashlib.sha256(_policy(round).encode()).hexdigest(),
            "path": f"runs/{RUN}/round-{round:02}/candidate", "round": round, "created_at": _when(round),
            "parent": _policy(round - 1) if round else None, "pairs_sha256": None,
        }  # fmt: skip

    def _units(self, round: int) -> Iterator[tuple[str, str, int, list[tuple[int, str]]]]:
        """Purpose, prompt id, its position, and index and policy of each of its answers."""
        for id, split, position in self.prompts:
            if split == "train":
                answers = [(index, _policy(round - 1)) for index in range(self.shape.answers)]
                yield "train", id, position, answers
            else:
                yield "gate", id, position, [(0, _policy(round)), (0, _policy(round - 1))]

    def _samples(self, round: int) -> Iterator[dict[str, Any]]:
        for purpose, prompt, position, answers in self._units(round):
            for index, policy in answers:
                said = self.random.choice(self.texts)
                yield {
                    "run": RUN, "id": _sample(round, prompt, index, policy), "prompt_id": prompt, "policy": policy,
                    "round": round, "purpose": purpose, "index": index, "seed": position, "settings": "s",
                    "text": said, "tokens": len(said) // 4, "finish_reason": "stop", "logprob": -10.0,
                    "position": position,
                }  # fmt: skip

    def _comparisons(self, round: int, judged: list["_Judged"]) -> Iterator[dict[str, Any]]:
        for purpose, prompt, position, answers in self._units(round):
            for (index, policy), (other, rival) in combinations(answers, 2):
                first, second = _sample(round, prompt, index, policy), _sample(round, prompt, other, rival)
                id = _id("cmp", first, second)
                judged.append(_Judged(id, prompt, position, purpose, first, second, self.random.random()))
                yield {
                    "run": RUN, "id": id, "prompt_id": prompt, "first_id": first, "second_id": second, "round": round,
                    "purpose": purpose, "constitution": self.constitution, "principles": [], "position": position,
                    "first_index": index, "second_index": other,
                }  # fmt: skip

    def _verdict(self, round: int, one: "_Judged") -> dict[str, Any]:
        unscored = "the judge's answer holds no verdict" if one.p_first < 0.002 else None
        slip = self.random.gauss(0, 0.15)
        said = self.random.choice(self.texts)[:200]
        scores = {
            "p_first": one.p_first,
            "p_first_shown_first": min(1.0, max(0.0, one.p_first + slip)),
            "p_first_shown_second": min(1.0, max(0.0, one.p_first - slip)),
        }
        return {
            "run": RUN, "id": _id("ver", one.id), "comparison_id": one.id, "judge": f"local:{_policy(round - 1)}:t1",
            "template": "t" * 64, "constitution": self.constitution, "prompt_hashes": [one.id, one.prompt],
            **(dict.fromkeys(scores) if unscored else scores), "unscored": unscored,
            "label_mass": 0.99, "p_tie": None, "disagreement": None, "score_first": None, "score_second": None,
            "by_principle": None, "by_axis": None, "rationale": said, "raw": f'{{"said": "{len(said)}"}}', "calls": 2,
            "input_tokens": 900, "output_tokens": 40, "cached_tokens": 0, "reasoning_tokens": 0, "cost_usd": 0.0004,
        }  # fmt: skip

    def _people(self, sink: _Sink, round: int, judged: list["_Judged"]) -> None:
        """Items of both purposes; all of them answered but those of the last round."""
        answered = round < self.shape.rounds
        drawn = [
            ("train", "random", self.shape.train_items * 3 // 4),
            ("train", "targeted", self.shape.train_items // 4),
            ("gate", "random", self.shape.gate_items),
        ]
        pool = {purpose: [one for one in judged if one.purpose == purpose] for purpose in ("train", "gate")}
        for mine in pool.values():
            self.random.shuffle(mine)
        items, labels, reveals = [], [], []
        for purpose, lane, count in drawn:
            for position in range(count):
                one = pool[purpose].pop()
                item = _id("itm", one.id, lane)
                overlap = 2 if position % 5 == 0 else 1
                share = count / len(judged) if lane == "random" else 1.0
                items.append({
                    "run": RUN, "id": item, "comparison_id": one.id, "round": round, "purpose": purpose, "lane": lane,
                    "inclusion_probability": share, "seed": 1, "position": position, "stratum": f"s{position % 4}",
                    "reasons": [], "overlap": overlap, "repeat_of": None, "wanted": 0 if answered else overlap,
                })  # fmt: skip
                for reviewer in self.random.sample(PEOPLE, overlap) if answered else ():
                    labels.append(self._label(round, one, item, lane, share, reviewer, position))
                    reveals.append({
                        "run": RUN, "comparison_id": one.id, "reviewer": reviewer, "how": "batch",
                        "created_at": _when(round, position + 30),
                    })  # fmt: skip
        sink.put(tables.review_items, items)
        sink.put(tables.labels, labels)
        sink.put(tables.reveals, reveals)
        sink.put(tables.label_effects, self._effects(round, labels))

    def _label(
        self, round: int, one: "_Judged", item: str, lane: str, share: float, reviewer: str, position: int
    ) -> dict[str, Any]:
        likes_first = (one.p_first > 0.5) == (self.random.random() < 0.75)
        tied = self.random.random() < 0.1
        value = "same" if tied else self.random.choice(_FIRST if likes_first else _SECOND)
        return {
            "run": RUN, "id": _id("lab", item, reviewer), "item_id": item, "comparison_id": one.id, "value": value,
            "reviewer": reviewer, "lane": lane, "inclusion_probability": share, "swapped": position % 2 == 0,
            "revision": 0, "created_at": _when(round, position), "blind": True, "reveal": "batch", "source": "queue",
            "marks": {}, "reason": "", "flagged": position % 97 == 0, "seconds": 18.0,
            "key": _id("key", item, reviewer),
        }  # fmt: skip

    def _effects(self, round: int, labels: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        for position, label in enumerate(labels):
            yield {
                "run": RUN, "id": _id("eff", label["id"]), "label_id": label["id"], "round": round, "stage": "pair",
                "comparison_id": label["comparison_id"], "reviewer": label["reviewer"], "position": position,
                "effect": self.random.choice(("confirmed", "confirmed", "flipped", "nothing")), "why": "pair",
                "subject": None, "detail": {}, "created_at": label["created_at"],
            }  # fmt: skip

    def _pairs(self, round: int, judged: Sequence["_Judged"]) -> Iterator[dict[str, Any]]:
        told: set[str] = set()
        for one in judged:
            if one.purpose != "train" or one.prompt in told:
                continue
            told.add(one.prompt)
            chosen, rejected = (one.first, one.second) if one.p_first > 0.5 else (one.second, one.first)
            yield {
                "run": RUN, "id": _id("par", round, chosen, rejected), "prompt_id": one.prompt, "round": round,
                "chosen": chosen, "rejected": rejected, "margin": 1.5, "confidence": max(one.p_first, 1 - one.p_first),
                "weight": 1.0, "source": "judge", "comparison_id": one.id, "verdict_ids": [_id("ver", one.id)],
                "label_ids": [], "calibration": None, "position": one.position,
            }  # fmt: skip

    def _markers(self, round: int) -> Iterator[dict[str, Any]]:
        shape = self.shape
        verdicts = shape.verdicts // shape.rounds
        counts = {
            "sample": {"samples": shape.train_prompts * shape.answers},
            "judge": {"verdicts": verdicts, "unscored": verdicts // 500, "flip_rate": 0.3},
            "spot_check": {"drawn": shape.train_items, "labels": shape.train_items},
            "pair": {"pairs": shape.train_prompts, "cycle_rate": 0.02},
            "train": {"candidate": _policy(round), "pairs": shape.train_prompts, "steps": 100},
            "gate": {"decision": "promote"},
        }
        stages = counts if round < shape.rounds else {name: counts[name] for name in ("sample", "judge")}
        for stage, said in stages.items():
            yield {"run": RUN, "round": round, "stage": stage, "seconds": 60.0, "counts": said}

    def _decision(self, round: int) -> dict[str, Any]:
        rate = {"value": 0.55, "low": 0.53, "high": 0.57}
        audit = {"labels": 1500, "agreed": 1000, "undecided": 150}
        evidence = {
            "judge_win_rate": rate, "length_controlled_win_rate": rate, "corrected_win_rate": rate, "alarms": [],
            "audit": {**audit, "agreement": {"value": 0.74, "low": 0.72, "high": 0.76}}, "labels": 500,
            "differing": self.shape.heldout_prompts, "simulated": False, "blocking": [], "drift": {"metrics": []},
        }  # fmt: skip
        return {
            "run": RUN, "position": round, "round": round, "kind": "promote", "policy": _policy(round),
            "candidate": _policy(round), "incumbent": _policy(round - 1), "judge_only": "promote", "audited": True,
            "reason": "The label-corrected win rate is above one half: promoted the candidate.",
            "evidence": evidence, "created_at": _when(round, 5000),
        }  # fmt: skip


class _Judged(NamedTuple):
    id: str
    prompt: str
    position: int
    purpose: str
    first: str
    second: str
    p_first: float


_FIRST, _SECOND = ("better", "better", "much_better"), ("worse", "worse", "much_worse")


def _id(kind: str, *parts: object) -> str:
    return f"{kind}_{hashlib.sha256(repr(parts).encode()).hexdigest()[:20]}"


def _policy(round: int) -> str:
    return _id("rev", round)


def _sample(round: int, prompt: str, index: int, policy: str) -> str:
    return _id("smp", round, prompt, index, policy)


def _when(round: int, seconds: int = 0) -> datetime:
    return _START + timedelta(days=round, seconds=seconds)


def _answer(chance: random.Random) -> str:
    """An answer of 40 to 2,000 characters, most of them short, some with a list, code or Chinese."""
    length = int(min(330, max(6, chance.lognormvariate(3.6, 0.8))))
    said = " ".join(chance.choices(_WORDS, k=length)).capitalize() + "."
    kind = chance.random()
    if kind < 0.15:
        said += "\n\n" + "\n".join(f"{n}. {' '.join(chance.choices(_WORDS, k=8))}" for n in range(1, 5))
    elif kind < 0.22:
        said += f"\n\n```python\ndef {chance.choice(_WORDS)}(n):\n    return n + {chance.randrange(100)}\n```"
    elif kind < 0.28:
        said += " 水在攝氏一百度沸騰，因此要等到水滾。"
    return said
