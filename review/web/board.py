"""What the page of a run shows, read from its kept figures: no figure is worked out here, and none while one waits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from judge.cost import JudgeCost
from judge.interval import Interval
from review.drift import DriftSeries, drift_series
from review.estimates.report import AuditReport, PeopleReport
from review.rounds import RoundSummary
from review.web.language import gettext, message, ngettext, number, percent
from store.figures import Figures, Kept, Key
from store.records import Decision, Run
from store.run import RunStore

_ALL = 0, ""
OUTCOMES = {"promote": message("promoted the candidate"), "keep": message("kept the incumbent")}
REASONS_SHOWN = 6


@dataclass(frozen=True)
class LaneRow:
    """A lane of the queue: `wanted` answers are still to come, `held` items are with somebody now."""

    round: int
    purpose: str
    lane: str
    items: int
    open: int
    wanted: int
    overlap: int
    held: int
    last: datetime | None


@dataclass(frozen=True)
class JudgeHealth:
    """Of a round's training verdicts. Shares are None where nothing could show them."""

    round: int
    purpose: str
    verdicts: int
    flips: int
    flip_rate: float | None
    slot: float | None
    longer: float | None
    confidence: float | None
    unscored: dict[str, int]
    agree: int
    overrule: int
    undecided: int

    @property
    def unscored_count(self) -> int:
        return sum(self.unscored.values())


class Board:
    """A run's figures, as far as they are kept. `counted` is False before they were made for the first time."""

    def __init__(self, store: RunStore, kind: str | None = None) -> None:
        """`kind` reads one kind of figure alone, where a page needs no more."""
        self.run: Run = store.record
        self._kept: Mapping[Key, Kept] = Figures(store.database, store.name).kept(kind)
        overview = self._kept.get((*_ALL, "overview"))
        self.counted = overview is not None
        found: dict[str, Any] = overview.value if overview else _nothing()
        self.rounds = [RoundSummary.model_validate(one) for one in found["rounds"]]
        self.decisions = [Decision.model_validate(one) for one in found["decisions"]]
        self.stopped: str | None = found["stopped"]
        self.played: int = found["played"]
        self.wanted: int = found["wanted"]
        self.policy: str | None = found["policy"]
        self.simulated: bool = found["simulated"]
        self.spent = JudgeCost.model_validate(found["spent"])
        self.audits = {
            round: AuditReport.model_validate(one.value)
            for (round, purpose, kind), one in self._kept.items()
            if kind == "audit" and purpose == "train"
        }

    @property
    def computed_at(self) -> datetime | None:
        """When the last of the figures was made."""
        return max((one.computed_at for one in self._kept.values()), default=None)

    @property
    def decided(self) -> list[RoundSummary]:
        return [round for round in self.rounds if round.decision is not None]

    @property
    def health(self) -> list[JudgeHealth]:
        """The judge by round, training comparisons first, then the gate's."""
        found = []
        for (round, purpose, kind), one in self._kept.items():
            if kind == "verdicts" and purpose in ("train", "gate"):
                labels = self._kept.get((round, purpose, "labels"))
                found.append(_health(round, purpose, one.value, labels.value if labels else {}))
        return sorted(found, key=lambda one: (one.round, one.purpose != "train"))

    @property
    def people(self) -> PeopleReport | None:
        kept = self._kept.get((*_ALL, "people"))
        return PeopleReport.model_validate(kept.value) if kept else None

    @property
    def queue(self) -> list[LaneRow]:
        kept = self._kept.get((*_ALL, "queue"))
        return [
            LaneRow(**{**row, "last": datetime.fromisoformat(row["last"]) if row["last"] else None})
            for row in (kept.value if kept else [])
        ]

    @property
    def ledger(self) -> list[tuple[int, str, str, int]]:
        """Round, stage, effect, how many entries."""
        kept = self._kept.get((*_ALL, "ledger"))
        return [(row[0], row[1], row[2], row[3]) for row in (kept.value if kept else [])]

    @property
    def overrides(self) -> int:
        kept = self._kept.get((*_ALL, "overrides"))
        return int(kept.value) if kept else 0

    @property
    def drift(self) -> list[DriftSeries]:
        return drift_series([decision for decision in self.decisions if decision.kind != "rollback"])

    @property
    def principles(self) -> AuditReport | None:
        """The last audit that has marks by principle."""
        marked = [audit for audit in self.audits.values() if audit.by_principle]
        return marked[-1] if marked else None

    def picture(self, name: str) -> str:
        """The SVG of this name; empty where there is nothing to draw."""
        kept = self._kept.get((*_ALL, f"picture/{name}"))
        return str(kept.value) if kept else ""

    def outcome(self, round: RoundSummary) -> str:
        """What became of the round's candidate, in the reader's language."""
        return gettext(OUTCOMES[round.decision]) if round.decision else gettext("under way")

    @property
    def headline(self) -> str:
        """The sentence that matters: of the last decided round, how far people disagree with the judge."""
        if not self.counted:
            return gettext("The figures of this run are being made.")
        if not self.decided:
            if not self.rounds:
                return gettext("The run has just begun.")
            return gettext(
                "Round %(round)s is under way: no candidate has been weighed yet.",
                round=self.rounds[-1].index,
            )
        last = self.decided[-1]
        audit = self.audits.get(last.index)
        if audit is None or audit.disagreement.rate is None:
            return gettext(
                "Round %(round)s: nobody has checked the judge yet: %(outcome)s.",
                round=last.index,
                outcome=self.outcome(last),
            )
        said, rate = audit.disagreement, audit.disagreement.rate
        return gettext(
            "Round %(round)s: the judge disagrees with %(whom)s on %(rate)s of its pairs, "
            "95%% CI %(low)s–%(high)s, n = %(n)s: %(outcome)s.",
            round=last.index,
            whom=gettext("the simulated reviewer") if audit.simulated else gettext("people"),
            outcome=self.outcome(last),
            n=number(said.agreed + said.disagreed),
            **bounds(rate),
        )

    @property
    def beside(self) -> list[str]:
        """Sentences under the headline: what it leaves open."""
        said = []
        if self.decided:
            last = self.decided[-1]
            if not last.audited and last.judge_win_rate:
                said.append(gettext("The decision itself is unaudited: it went by the judge’s word alone."))
            parted = [
                r.index for r in self.decided if r.judge_only_decision == "promote" and r.decision == "keep"
            ]
            if parted:
                said.append(
                    ngettext(
                        "The judge’s word alone would also have shipped the candidate of round %(rounds)s.",
                        "The judge’s word alone would also have shipped the candidates of rounds %(rounds)s.",
                        len(parted),
                        rounds=", ".join(map(str, parted)),
                    )
                )
        waiting = sum(row.wanted for row in self.queue)
        if waiting:
            said.append(
                ngettext(
                    "%(num)s answer is still to come from people.",
                    "%(num)s answers are still to come from people.",
                    waiting,
                )
            )
        return said

    @property
    def progress(self) -> str:
        """How far the run is, and why it ended."""
        if not self.stopped:
            return gettext(
                "%(played)s of %(wanted)s rounds are played.", played=self.played, wanted=self.wanted
            )
        if self.played >= self.wanted:
            return gettext("All %(wanted)s rounds asked for are played.", wanted=self.wanted)
        return gettext(
            "The run ended after round %(played)s of %(wanted)s: the gate had kept the incumbent as often in a row "
            "as it was to wait.",
            played=self.played,
            wanted=self.wanted,
        )

    @property
    def state(self) -> str:
        if not self.counted:
            return gettext("not counted yet")
        if self.stopped:
            return gettext("finished")
        return gettext("%(played)s of %(wanted)s rounds", played=self.played, wanted=self.wanted)


def bounds(rate: Interval) -> dict[str, str]:
    """A share as `rate`, `low` and `high` in the reader's language: 31%, 22, 42."""
    return {
        "rate": percent(rate.value),
        "low": number(100 * rate.low, 0),
        "high": number(100 * rate.high, 0),
    }


def _health(round: int, purpose: str, counts: Mapping[str, Any], labels: Mapping[str, int]) -> JudgeHealth:
    both, differing = counts["both_orders"], counts["differing_lengths"]
    reasons: Sequence[tuple[str, int]] = sorted(
        counts["unscored"].items(), key=lambda pair: (-pair[1], pair[0])
    )
    shown = dict(reasons[:REASONS_SHOWN])
    rest = sum(count for _, count in reasons[REASONS_SHOWN:])
    return JudgeHealth(
        round=round,
        purpose=purpose,
        verdicts=counts["verdicts"],
        flips=counts["flips"],
        flip_rate=counts["flips"] / both if both else None,
        slot=counts["slot"],
        longer=counts["longer"] / differing if differing else None,
        confidence=counts["confidence"],
        unscored=shown | ({"…": rest} if rest else {}),
        agree=labels.get("agree", 0),
        overrule=labels.get("overrule", 0),
        undecided=labels.get("undecided", 0),
    )


def _nothing() -> dict[str, Any]:
    return {
        "rounds": [], "decisions": [], "stopped": None, "played": 0, "wanted": 0, "policy": None,
        "simulated": False, "spent": JudgeCost().model_dump(),
    }  # fmt: skip
