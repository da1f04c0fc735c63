"""What the store calls things, in words for readers: marked here, translated where they are shown.

Names that are not here are shown as they are: a run of a later version may know more of them.
"""

from typing import Final

from review.web.language import gettext, message

_TITLES: Final = {
    "mean_tokens": message("tokens an answer"),
    "cut_rate": message("cut at the limit"),
    "empty_rate": message("empty answers"),
    "refusal_rate": message("refusals"),
    "hedging_rate": message("hedging"),
    "apology_rate": message("apologies"),
    "list_rate": message("lists"),
    "odd_punctuation_rate": message("odd punctuation"),
    "distinct_1": message("distinct words"),
    "distinct_2": message("distinct word pairs"),
    "entropy": message("entropy"),
    "kl_initial": message("KL from the initial policy"),
    "kl_last": message("KL from the incumbent"),
    "kl_initial_answer": message("KL from the initial policy"),
    "kl_last_answer": message("KL from the incumbent"),
    "tokens": message("tokens"),
    "share of answers": message("share of answers"),
    "share of words": message("share of words"),
    "share of word pairs": message("share of word pairs"),
    "nats a token": message("nats a token"),
    "nats an answer": message("nats an answer"),
    "wilson": message("Wilson"),
    "stratified": message("stratified"),
    "hajek": message("Hájek"),
    "clustered": message("clustered by prompt"),
    "user": message("User"),
    "assistant": message("Assistant"),
    "system": message("System"),
    "verdict": message("verdict"),
    "comparison": message("comparison"),
    "prompt": message("prompt"),
    "sample": message("answer"),
    "checkpoint": message("checkpoint"),
    "policy": message("policy"),
    "prompt text": message("prompt text"),
    "template": message("template"),
    "constitution": message("constitution"),
    "preference": message("ranking"),
    "pair": message("pair"),
    "decision": message("decision"),
    "item": message("queue item"),
    "label": message("label"),
    "effect": message("effect"),
    "samples": message("answers"),
}


def titled(name: str) -> str:
    """The name of a metric, a unit of measure, a role or a kind of thing, in the reader's language."""
    known = _TITLES.get(name)
    return gettext(known) if known else name.replace("_", " ")
