"""Judging one answer at a time: each gets a score by an additive rubric, and a comparison follows from two scores.

A rubric that adds a point for each thing that holds is that of self-rewarding models (Yuan et al. 2024, arXiv
2401.10020, section 2.2); the wording is the template's. An answer is scored once however many comparisons it is
in, so k answers cost k questions and not k(k-1), and there is no order to be biased by. What is lost is that the two
answers are never seen together: small differences drown in the digits.
"""

import json
from dataclasses import dataclass
from typing import Any

from judge.errors import JudgeSettingsError
from judge.presentation import Presentation
from judge.score import preference
from prompts.template import JudgeTemplate
from store.records import Comparison, Verdict


@dataclass(frozen=True)
class Grade:
    """What a judge said of one answer; `score` is None where it said nothing usable, for the reason `unscored`."""

    score: float | None
    label_mass: float | None = None
    unscored: str | None = None
    raw: Any = None
    rationale: str = ""


def compare_grades(
    comparison: Comparison,
    presented: tuple[Presentation, Presentation],
    grades: tuple[Grade, Grade],
    scale: float,
    **kept: Any,
) -> Verdict:
    """The verdict that two grades amount to. `kept` are the fields that name judge, template and constitution."""
    first, second = grades
    masses = [grade.label_mass for grade in grades if grade.label_mass is not None]
    fields: dict[str, Any] = kept | {
        "comparison_id": comparison.id,
        "prompt_hashes": tuple(p.hash for p in presented),
        "prompt_texts": tuple(p.text for p in presented),
        "label_mass": min(masses) if len(masses) == 2 else None,
        "raw": json.dumps([grade.raw for grade in grades]),
        "rationale": "\n\n".join(
            f"[{which} sample] {grade.rationale}"
            for which, grade in zip(("first", "second"), grades, strict=True)
            if grade.rationale
        ),
        "score_first": first.score,
        "score_second": second.score,
    }
    if first.score is None or second.score is None:
        return Verdict(**fields, unscored=first.unscored or second.unscored)
    return Verdict(**fields, p_first=preference(first.score, second.score, scale))


def require_pairs(template: JudgeTemplate) -> None:
    """Raise `JudgeSettingsError` unless the template compares two answers."""
    if template.mode != "pairwise":
        raise JudgeSettingsError(
            f"judge.template: {template.name!r} scores one answer and cannot be put to a judge of pairs."
        )


def require_points(template: JudgeTemplate) -> None:
    """Raise `JudgeSettingsError` unless the template scores one answer."""
    if template.mode != "pointwise":
        raise JudgeSettingsError(
            f"judge.template: {template.name!r} compares two answers; scoring one at a time needs a template with "
            "`mode: pointwise`, such as pointwise."
        )
