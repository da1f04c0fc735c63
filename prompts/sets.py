"""Prompt sets: the prompts a policy learns on, and those that it is measured on and never sees.

Reading is strict and comes before anything heavy: a row that is not a prompt, or a prompt in both splits, refuses the
set, with the place of each. Which prompts are held out, and which stay where fewer are wanted, follows from each
prompt's content hash alone: adding rows moves none of the others from one split to the other.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from prompts.errors import BadRows, BadSource, SplitsOverlap
from prompts.hashing import derive_seed
from prompts.neighbours import NearDuplicate, near_duplicates
from prompts.prompt import Prompt, Split
from prompts.rows import RowRefused, read_row
from prompts.settings import PromptSettings
from prompts.sources import RawRow, read_rows

STARTER = "starter"
SHOWN = 20
"""Problems listed in one error."""


@dataclass(frozen=True)
class PromptSet:
    """Train and held-out prompts, which share none. Each keeps the order of its source.

    `near_duplicates` names held-out prompts that nearly repeat a train prompt (those dropped included), `duplicates`
    counts rows that repeated one before, `skipped` the prompts left out, by reason.
    """

    train: tuple[Prompt, ...]
    heldout: tuple[Prompt, ...]
    near_duplicates: tuple[NearDuplicate, ...] = ()
    duplicates: int = 0
    skipped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Candidate:
    prompt: Prompt
    split: Split | None


def load_prompts(settings: PromptSettings, starter: PromptSet | None = None) -> PromptSet:
    """Read, check and split the prompts of `settings`; `starter` holds those of the source of that name.

    Raises `BadSource`, `BadRows` (every bad row is looked at first), or `SplitsOverlap`.
    """
    skipped: dict[str, int] = {}
    if settings.source == STARTER:
        if starter is None:
            raise BadSource(f"source {STARTER!r}: these prompts are generated; pass them as `starter`.")
        read = [_Candidate(prompt, "train") for prompt in starter.train]
        read += [_Candidate(prompt, "heldout") for prompt in starter.heldout]
    else:
        read = _read_all(settings, skipped)
    unique = _collapse(read)
    assigned = _assign(unique, settings.heldout_share)
    train = _limit(_of(assigned, "train"), settings.max_train, "over max_train", skipped)
    heldout = _of(assigned, "heldout")
    near = near_duplicates(train, heldout)
    heldout = _without_near(heldout, near, settings, skipped)
    heldout = _limit(heldout, settings.max_heldout, "over max_heldout", skipped)
    kept = {prompt.id for prompt in heldout}
    if settings.near_duplicates != "drop":
        near = [one for one in near if one.heldout.id in kept]
    for split, prompts in (("train", train), ("heldout", heldout)):
        if not prompts:
            raise BadSource(
                f"{settings.source}: no {split} prompts. Mark rows with `split`, name a `heldout` source, or change "
                "`heldout_share`."
            )
    return PromptSet(tuple(train), tuple(heldout), tuple(near), len(read) - len(unique), skipped)


def _read_all(settings: PromptSettings, skipped: dict[str, int]) -> list[_Candidate]:
    """Every row of the one or two sources, or `BadRows`."""
    problems: list[str] = []
    read: list[_Candidate] = []
    total = 0
    sources: list[tuple[Iterable[RawRow], Split | None]] = [
        (
            read_rows(settings.source, settings.config, settings.revision),
            "train" if settings.heldout else None,
        )
    ]
    if settings.heldout:
        sources.append((read_rows(settings.heldout), "heldout"))
    for rows, whole in sources:
        for raw in rows:
            try:
                prompt, split = _read(raw, settings)
            except RowRefused as refused:
                total += 1
                if len(problems) < SHOWN:
                    problems.append(f"{raw.where}: {refused}")
                continue
            if whole == "train" and split == "heldout":
                reason = "held-out rows of the train source"
                skipped[reason] = skipped.get(reason, 0) + 1
            else:
                read.append(_Candidate(prompt, whole or split))
    if total:
        raise BadRows(problems, total)
    if not read:
        raise BadSource(f"{settings.source}: there are no prompts in it.")
    return read


def _read(raw: RawRow, settings: PromptSettings) -> tuple[Prompt, Split | None]:
    if raw.values is None:
        raise RowRefused(raw.problem)
    row = read_row(raw.values, settings.text_field, settings.system)
    split = row.split or raw.split
    # The split is settled when every row is known; until then it says the likeliest.
    prompt = Prompt(
        messages=row.messages,
        split=split or "train",
        source=raw.where,
        tags=row.tags,
        reference=row.reference,
    )
    return prompt, split


def _collapse(read: list[_Candidate]) -> list[_Candidate]:
    """Each prompt once, in the place of its first row; raises `SplitsOverlap` for one marked both ways."""
    first: dict[str, _Candidate] = {}
    overlaps: list[str] = []
    for one in read:
        known = first.setdefault(one.prompt.id, one)
        if one.split is None or one.split == known.split:
            continue
        if known.split is None:
            first[one.prompt.id] = _Candidate(known.prompt, one.split)
        else:
            overlaps.append(
                f"{known.prompt.source} ({known.split}) and {one.prompt.source} ({one.split}): "
                f"{_excerpt(one.prompt)}"
            )
    if overlaps:
        raise SplitsOverlap(_listed("in both train and heldout; remove each from one of them", overlaps))
    return list(first.values())


def _assign(unique: list[_Candidate], share: float) -> list[_Candidate]:
    """Each with a split: its own, or one drawn by content."""
    assigned = [
        _Candidate(one.prompt, one.split or ("heldout" if _draw(one.prompt) < share else "train"))
        for one in unique
    ]
    return _both_sides(assigned) if all(one.split is None for one in unique) else assigned


def _draw(prompt: Prompt) -> float:
    """In [0, 1), by content alone."""
    return derive_seed("heldout", prompt.id) / 2**63


def _both_sides(assigned: list[_Candidate]) -> list[_Candidate]:
    """A small set whose draw left a side empty gives it the prompt that was nearest to it."""
    sides = {one.split for one in assigned}
    if len(assigned) < 2 or len(sides) == 2:
        return assigned
    moved: Split = "heldout" if sides == {"train"} else "train"
    pick = min if moved == "heldout" else max
    nearest = pick(assigned, key=lambda one: _draw(one.prompt))
    return [_Candidate(one.prompt, moved) if one is nearest else one for one in assigned]


def _of(assigned: list[_Candidate], split: Split) -> list[Prompt]:
    return [
        one.prompt if one.prompt.split == split else one.prompt.model_copy(update={"split": split})
        for one in assigned
        if one.split == split
    ]


def _limit(prompts: list[Prompt], most: int | None, reason: str, skipped: dict[str, int]) -> list[Prompt]:
    """At most `most` of them, drawn by content: a larger limit keeps all that a smaller one kept."""
    if most is None or len(prompts) <= most:
        return prompts
    skipped[reason] = len(prompts) - most
    kept = {prompt.id for prompt in sorted(prompts, key=lambda p: derive_seed("limit", p.id))[:most]}
    return [prompt for prompt in prompts if prompt.id in kept]


def _without_near(
    heldout: list[Prompt], near: list[NearDuplicate], settings: PromptSettings, skipped: dict[str, int]
) -> list[Prompt]:
    if settings.near_duplicates == "report" or not near:
        return heldout
    if settings.near_duplicates == "refuse":
        lines = [
            f"{one.heldout.source} is like {one.train.source} ({one.similarity:.2f}): {_excerpt(one.heldout)}"
            for one in near
        ]
        raise SplitsOverlap(
            _listed(
                "held out but nearly in train; remove them, or set near_duplicates to drop or report", lines
            )
        )
    skipped["near-duplicates of train prompts"] = len(near)
    dropped = {one.heldout.id for one in near}
    return [prompt for prompt in heldout if prompt.id not in dropped]


def _listed(what: str, lines: list[str]) -> str:
    more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    prompts = "prompt is" if len(lines) == 1 else "prompts are"
    return "\n  ".join([f"{len(lines)} {prompts} {what}:", *lines[:SHOWN], *more])


def _excerpt(prompt: Prompt) -> str:
    text = " ".join(prompt.text.split())
    return repr(text if len(text) <= 60 else text[:59] + "…")
