"""The planted judge behind typed decision endpoints: the same logit, as the probabilities of two options."""

import json
import math
from typing import Any

from judge.rehearsal.fault_plan import Draws, FaultPlan
from judge.rehearsal.planted_reply import planted_logit, shown_answers


def decision_input(asked: dict[str, Any]) -> list[tuple[str, str]]:
    """What is asked about, as messages of (role, content), with the questions at the end.

    Raises KeyError, TypeError or AttributeError for a body that is no request of either dialect.
    """
    if "state" in asked:
        return [("user", asked["state"]), ("questions", json.dumps(asked["questions"]))]
    messages = [(message["role"], message["content"]) for message in asked["input"]]
    return [*messages, ("questions", json.dumps(asked["questions"]))]


def planted_decision(plan: FaultPlan, asked: dict[str, Any], said: str, chat: Draws) -> dict[str, Any]:
    """The body of an answer: of the options of each choice, the first stands for the answer shown first."""
    logit = planted_logit(plan, shown_answers(said), chat)
    first = 0.5 * (1.0 + math.tanh(0.5 * logit))
    usage = {"input_tokens": 1 + len(said) // 4, "output_tokens": 0}
    if "state" in asked:
        answers = {
            name: _choice(dict(_shares(list(question["criteria"]), first)))
            for name, question in asked["questions"].items()
        }
        return {"model": plan.model, "answers": answers, "usage": usage}
    listed = []
    for question in asked["questions"]:
        shares = _shares([choice["value"] for choice in question["choices"]], first)
        told = [{"value": value, "probability": share} for value, share in shares]
        listed.append({**_choice(dict(shares)), "name": question.get("name"), "probabilities": told})
    return {"model": plan.model, "answers": listed, "usage": usage}


def _shares(options: list[str], first: float) -> list[tuple[str, float]]:
    rest = [0.0] * (len(options) - 2)
    return list(zip(options, [first, 1.0 - first, *rest], strict=True))


def _choice(shares: dict[str, float]) -> dict[str, Any]:
    best = max(shares, key=lambda option: shares[option])
    return {
        "type": "choice",
        "choice": best,
        "confidence": 2.0 * shares[best] - 1.0,
        "probabilities": shares,
    }
