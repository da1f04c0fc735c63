"""Chats as token ids: what the policy reads, and what it says, end token included.

Text is rendered by the tokenizer's own chat template and encoded once, in batches. Two things are held here for the
whole package:

- What a chat's content says is data. Where it spells a special token (`<|im_end|>` typed by a user), that part is
  encoded as plain text, so nobody can forge a turn.
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

_MARK = "\ue000{}\ue001"
_MARKS = re.compile("\ue000(\\d+)\ue001")
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
        special = sorted({token for token in tokenizer.all_special_tokens if token}, key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, special))) if special else re.compile(r"(?!)")

    def prompt_ids(self, chats: Sequence[Chat]) -> list[Ids]:
        """Token ids of each chat up to where the answer starts (the template's generation prompt included)."""
        return self.encode(chats, self.render(chats))

    def render(self, chats: Sequence[Chat]) -> list[str]:
        """The text of each chat up to where the answer starts."""
        return self._render(chats, open_turn=True)

    def encode(self, chats: Sequence[Chat], texts: list[str]) -> list[Ids]:
        """Token ids of chats that `render` has rendered as `texts`."""
        return self._encode(chats, texts, open_turn=True)

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

    def _encode(self, chats: Sequence[Chat], texts: list[str], open_turn: bool) -> list[Ids]:
        encoded = self._plain(texts)
        for index, chat in enumerate(chats):
            if any(self._special.search(message.content) for message in chat):
                encoded[index] = self._guarded(chat, open_turn)
        return encoded

    def _guarded(self, chat: Chat, open_turn: bool) -> Ids:
        """Encode a chat whose content spells special tokens: the template's as tokens, the content's as text."""
        marked = [Message(role=m.role, content=_MARK.format(i)) for i, m in enumerate(chat)]
        pieces = _MARKS.split(self._render([marked], open_turn)[0])
        ids: Ids = []
        for index, piece in enumerate(pieces):
            if index % 2 == 0:
                ids += self._plain([piece])[0]
            else:
                ids += self._plain([chat[int(piece)].content], split_special_tokens=True)[0]
        return ids

    def _plain(self, texts: list[str], **options: bool) -> list[Ids]:
        if not texts:
            return []
        encoded = self.tokenizer(
            texts, add_special_tokens=False, return_attention_mask=False, verbose=False, **options
        )
        ids: list[Ids] = encoded["input_ids"]
        return ids
