"""The keys of the review page: what they do, what they are at first, and what an account may make of them.

A key is a single visible character; letters mean the same in capitals. Backspace, Enter, Tab and Space never vote: a
browser, a form or a screen reader means something else by them. No two actions share a key.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from review.errors import ReviewError
from review.web.language import message

PREFERENCE: Final = "review_keys"
"""The account's preference that keeps the keys changed."""


class Action(NamedTuple):
    """Something a key does. `group` is where the help shows it."""

    name: str
    title: str
    key: str
    group: str


ACTIONS: Final = (
    Action("left_much_better", message("Left much better"), "1", "verdict"),
    Action("left_better", message("Left better"), "2", "verdict"),
    Action("same", message("Same"), "3", "verdict"),
    Action("right_better", message("Right better"), "4", "verdict"),
    Action("right_much_better", message("Right much better"), "5", "verdict"),
    Action("both_bad", message("Both bad"), "0", "verdict"),
    Action("principle_1", message("Mark the first principle"), "q", "answer"),
    Action("principle_2", message("Mark the second principle"), "w", "answer"),
    Action("principle_3", message("Mark the third principle"), "e", "answer"),
    Action("principle_4", message("Mark the fourth principle"), "r", "answer"),
    Action("principle_5", message("Mark the fifth principle"), "t", "answer"),
    Action("reason", message("Give a reason"), "c", "answer"),
    Action("flag", message("Flag for the lead"), "f", "answer"),
    Action("skip", message("Skip"), "s", "answer"),
    Action("undo", message("Undo"), "u", "answer"),
    Action("scroll_down", message("Scroll both answers down"), "j", "reading"),
    Action("scroll_up", message("Scroll both answers up"), "k", "reading"),
    Action("words", message("Mark the words that differ"), "x", "reading"),
    Action("source", message("Rendered or as written"), "m", "reading"),
    Action("prompt", message("Fold or unfold the prompt"), "p", "reading"),
    Action("help", message("Help and keys"), "?", "reading"),
)
GROUPS: Final = {
    "verdict": message("Verdict"),
    "answer": message("Your answer"),
    "reading": message("Reading"),
}


def keys_of(preferences: Mapping[str, Any]) -> dict[str, str]:
    """The key of every action for an account with these preferences."""
    keys = {action.name: action.key for action in ACTIONS}
    changed = preferences.get(PREFERENCE)
    if isinstance(changed, dict):
        keys.update({name: key for name, key in changed.items() if name in keys and isinstance(key, str)})
    return keys


def changed_keys(wanted: Mapping[str, str]) -> dict[str, str]:
    """What to keep of the keys an account wants: those that differ from the first ones.

    Raises ReviewError for an action that is none, a key that cannot be one, and a key with two meanings.
    """
    keys = {action.name: action.key for action in ACTIONS}
    first = dict(keys)
    for name, key in wanted.items():
        if name not in keys:
            raise ReviewError(f"{name[:40]!r} is nothing that a key could do")
        lowered = key.lower()
        if len(lowered) != 1 or not lowered.isprintable() or lowered.isspace():
            raise ReviewError("a key is a single visible character; Backspace, Enter, Tab and Space are none")
        keys[name] = lowered
    by_key: dict[str, str] = {}
    for name, key in keys.items():
        if key in by_key:
            raise ReviewError(
                f"{key!r} would mean both {by_key[key]!r} and {name!r}; give each a key of its own"
            )
        by_key[key] = name
    return {name: key for name, key in keys.items() if key != first[name]}
