"""Chats as token ids: what the policy reads, and what it says, end token included.

Text is rendered by the tokenizer's own chat template and encoded once, in batches. Two things are held here for the
whole package:

- What a chat's content says is data. Where it spells a special token (`<|im_end|>` typed by a user), that part is
  encoded as plain text, so nobody can forge a turn. That is checked on the token ids, and not on the text: a
  tokenizer may normalise other characters into the same token, or find it in its vocabulary by itself.
- The rendered prompt is a token prefix of the rendered prompt plus answer. Where a template breaks that, sampling
  and training would see different contexts, so it is an error here and not a surprise in the weights.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from policy.errors import ChatTemplateError
from store.records import Message

Ids = list[int]
Chat = Sequence[Message]

_MARKER = re.compile(r"\s*[<\[].*[>\]]\s*", re.DOTALL)
_ADVICE = (
    "Set policy.chat_template to a template that renders a prompt the same way alone and with an answer after it, "
    "or pass what keeps it stable in policy.template_arguments (for reasoning models: {enable_thinking: false})."
)


class Chats:
    """Renders and encodes chats for one tokenizer.

    `template` replaces the tokenizer's own; `arguments` go to the template. `end_ids` are the tokens that end an
    answer. Raises `ChatTemplateError` where there is no template at all.
    """

    def __init__(
        self, tokenizer: Any, end_ids: Iterable[int], template: str | None, arguments: Mapping[str, Any]
    ) -> None:
        self.tokenizer = tokenizer
        self.end_ids = frozenset(end_ids)
        self._template = template or tokenizer.chat_template
        self._arguments = dict(arguments)
        if not self._template:
            raise ChatTemplateError(
                "The tokenizer has no chat template. Set policy.chat_template to a Jinja file, or use the "
                "model's instruction-tuned version."
            )
        if not self.end_ids:
            raise ChatTemplateError(
                "The model has no end-of-sequence token, so answers could not end. Set eos_token_id in its "
                "generation_config.json."
            )
        self._special, self._structural = _control_ids(tokenizer, self.end_ids)
        self._skeletons: dict[object, Ids] = {}
        self._spelled: dict[frozenset[int], re.Pattern[str]] = {}

    def prompt_ids(self, chats: Sequence[Chat]) -> list[Ids]:
        """Token ids of each chat up to where the answer starts (the template's generation prompt included)."""
        return self.encode(chats, self.render(chats))

    def render(self, chats: Sequence[Chat]) -> list[str]:
        """The text of each chat up to where the answer starts."""
        return self._render(chats, open_turn=True)

    def encode(self, chats: Sequence[Chat], texts: list[str], *, quoted: bool = False) -> list[Ids]:
        """Token ids of chats that `render` has rendered as `texts`.

        `quoted` says that the chats quote somebody, as a judge's do: then tokens that merely look like markup (such
        as `<think>` and `<tool_call>`, which a policy's own answers may hold) are plain text as well.
        """
        return self._encode(chats, texts, open_turn=True, quoted=quoted)

    def answer_ids(self, chats: Sequence[Chat], answers: Sequence[str]) -> tuple[list[Ids], list[Ids]]:
        """Token ids of each chat, and of its answer up to and including the end token.

        Raises `ChatTemplateError` where the prompt is not a token prefix of the prompt with its answer.
        """
        prompts = self.prompt_ids(chats)
        full = [
            (*chat, Message(role="assistant", content=answer))
            for chat, answer in zip(chats, answers, strict=True)
        ]
        wholes = self._encode(full, self._render(full, open_turn=False), open_turn=False)
        return prompts, [self._after(p, w) for p, w in zip(prompts, wholes, strict=True)]

    def label_ids(self, texts: Sequence[str], labels: Sequence[str]) -> list[Ids]:
        """Token ids of each label where it continues a rendered chat, the same for all `texts`.

        A label is encoded together with the end of the rendered chat, because "A" at the start of a text and "A"
        after a newline can be different tokens. Raises `ChatTemplateError` where a label would merge with the
        chat's last token or would be encoded differently after different chats.
        """
        found: dict[str, list[Ids]] = {}
        for text in texts:
            if text[-32:] not in found:
                found[text[-32:]] = self._continue(text, labels)
        encoded = list(found.values())
        if any(ids != encoded[0] for ids in encoded):
            raise ChatTemplateError(f"The labels {list(labels)} are different tokens after different chats.")
        return encoded[0]

    def text(self, ids: Sequence[int]) -> str:
        """The text of an answer's tokens, special tokens left out."""
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True)
        return text

    def _continue(self, text: str, labels: Sequence[str]) -> list[Ids]:
        start, *wholes = self._plain([text, *(text + label for label in labels)])
        for label, whole in zip(labels, wholes, strict=True):
            if whole[: len(start)] != start or len(whole) == len(start):
                raise ChatTemplateError(
                    f"The label {label!r} does not continue the chat at a token boundary (it ends with "
                    f"{text[-20:]!r}). Begin the label where the tokenizer begins a token: with a space after a "
                    "word, without one after a line break or a special token."
                )
        return [whole[len(start) :] for whole in wholes]

    def _after(self, prompt: Ids, whole: Ids) -> Ids:
        if whole[: len(prompt)] != prompt:
            at = next((i for i, (a, b) in enumerate(zip(prompt, whole, strict=False)) if a != b), len(whole))
            decode = self.tokenizer.decode
            raise ChatTemplateError(
                "The rendered prompt is not a token prefix of the prompt with its answer: after "
                f"{decode(prompt[max(0, at - 8) : at])!r} the prompt goes on with {decode(prompt[at : at + 8])!r} "
                f"and the prompt with its answer with {decode(whole[at : at + 8])!r}. {_ADVICE}"
            )
        answer = whole[len(prompt) :]
        last = max((i for i, token in enumerate(answer) if token in self.end_ids), default=None)
        if last is None:
            raise ChatTemplateError(
                "The chat template ends an answer without an end-of-sequence token "
                f"({self.tokenizer.decode(answer[-8:])!r}), so the policy would never learn to stop. {_ADVICE}"
            )
        return answer[: last + 1]

    def _render(self, chats: Sequence[Chat], open_turn: bool) -> list[str]:
        conversations = [[{"role": m.role, "content": m.content} for m in chat] for chat in chats]
        if not conversations:
            return []
        texts: list[str] = self.tokenizer.apply_chat_template(
            conversations,
            chat_template=self._template,
            tokenize=False,
            add_generation_prompt=open_turn,
            **self._arguments,
        )
        return texts

    def _encode(
        self, chats: Sequence[Chat], texts: list[str], open_turn: bool, *, quoted: bool = False
    ) -> list[Ids]:
        encoded = self._plain(texts)
        control = self._structural if quoted else self._special
        for index, chat in enumerate(chats):
            if list(filter(control.__contains__, encoded[index])) != self._skeleton(chat, open_turn, control):
                encoded[index] = self._guarded(chat, open_turn, control)
        return encoded

    def _skeleton(self, chat: Chat, open_turn: bool, control: frozenset[int]) -> Ids:
        """The control tokens that the template itself puts around turns of these roles."""
        roles = tuple(message.role for message in chat)
        key = (roles, open_turn, control is self._special)
        if key not in self._skeletons:
            hollow = [Message(role=role, content="x") for role in roles]
            ids = self._plain(self._render([hollow], open_turn))[0]
            self._skeletons[key] = list(filter(control.__contains__, ids))
        return self._skeletons[key]

    def _guarded(self, chat: Chat, open_turn: bool, control: frozenset[int]) -> Ids:
        """Encode a chat whose content makes control tokens: the template's as tokens, the content's as text.

        Spelled tokens are cut out and the rest is encoded as ever, so that it has the tokens it has in any chat. Where
        that is not enough, the whole content is encoded by itself.
        """
        if control not in self._spelled:
            tokens = sorted(self.tokenizer.convert_ids_to_tokens(list(control)), key=len, reverse=True)
            self._spelled[control] = re.compile("|".join(map(re.escape, tokens)))
        ids = self._apart(chat, open_turn, control, self._spelled[control])
        if list(filter(control.__contains__, ids)) == self._skeleton(chat, open_turn, control):
            return ids
        return self._apart(chat, open_turn, control, re.compile(r"(?s).+"))

    def _apart(self, chat: Chat, open_turn: bool, control: frozenset[int], cut: re.Pattern[str]) -> Ids:
        """Encode a chat with what `cut` finds in its content encoded as plain text, by itself."""
        mark = "\ue000"
        while any(mark in message.content for message in chat):
            mark += "\ue001"  # a mark that nobody can have forged
        found: list[str] = []

        def take(match: re.Match[str]) -> str:
            found.append(match[0])
            return f"{mark}{len(found) - 1}\ue002"

        marked = [Message(role=m.role, content=cut.sub(take, m.content)) for m in chat]
        pieces = re.split(f"{mark}(\\d+)\ue002", self._render([marked], open_turn)[0])
        ids: Ids = []
        for index, piece in enumerate(pieces):
            if index % 2:
                ids += self._literal(found[int(piece)], control)
            elif piece:
                ids += self._plain([piece])[0]
        return ids

    def _literal(self, text: str, control: frozenset[int]) -> Ids:
        """Token ids of `text` as plain text: none of them is in `control`, whatever it spells."""
        ids = self._plain([text], split_special_tokens=True)[0]
        if control.isdisjoint(ids):
            return ids
        if len(text) < 2:
            return [token for token in ids if token not in control]
        half = len(text) // 2  # a token that is cut in two is not that token
        return self._literal(text[:half], control) + self._literal(text[half:], control)

    def _plain(self, texts: list[str], **options: bool) -> list[Ids]:
        if not texts:
            return []
        encoded = self.tokenizer(
            texts, add_special_tokens=False, return_attention_mask=False, verbose=False, **options
        )
        ids: list[Ids] = encoded["input_ids"]
        return ids


def _control_ids(tokenizer: Any, end_ids: Iterable[int]) -> tuple[frozenset[int], frozenset[int]]:
    """The special tokens; and with them the added tokens that look like markup."""
    kept = {
        getattr(tokenizer, f"{name}_token_id", None) for name in ("bos", "eos", "pad", "sep", "cls", "mask")
    }
    # What stands for any unknown character is no control token, unless it is something else as well.
    unknown = {tokenizer.unk_token_id} - kept - set(end_ids)
    special = (set(tokenizer.all_special_ids) | set(end_ids)) - unknown
    markup = {
        id
        for id, token in tokenizer.added_tokens_decoder.items()
        if token.special or _MARKER.fullmatch(token.content)
    }
    return frozenset(special), frozenset((special | markup) - unknown)
