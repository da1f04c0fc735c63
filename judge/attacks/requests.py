"""The requests that attacks are tried on where a judge has none of its own: short, general, easy to tell apart.

Easy on purpose. A judge that wavers between the two answers before any attack would show the attack's effect and its
own doubt in one number.
"""

from importlib.resources import files

from judge.attacks.pattern import Request


def shipped_requests() -> tuple[Request, ...]:
    """Requests with a good and a poor answer, `helpful` ones first."""
    text = files("judge.attacks").joinpath("requests.jsonl").read_text(encoding="utf-8")
    return tuple(Request.model_validate_json(line) for line in text.splitlines())
