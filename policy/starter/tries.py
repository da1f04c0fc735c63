"""Rows of tokens laid together so that what they share at their beginning is computed once.

Judgements of the same answers share the question and the first answer; answers to one question share the question.
A trie holds each shared token once, at its own position, and a token sees its ancestors only: exactly what it
would see alone. A dozen judgements of four answers cost less than half of what they would apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Row:
    """Token ids, of which those from `learn_from` on are to be predicted."""

    ids: list[int]
    learn_from: int


@dataclass(frozen=True)
class Trie:
    """Tokens with the place of their parent (-1 for the first), and how many rows learn each of them."""

    ids: list[int]
    parents: list[int]
    learnt: list[int]

    def __len__(self) -> int:
        return len(self.ids)


def lay_together(rows: Sequence[Row]) -> Trie:
    """One trie of rows that begin with the same token."""
    trie = Trie([], [], [])
    places: dict[tuple[int, int], int] = {}
    for row in rows:
        at = -1
        for depth, token in enumerate(row.ids):
            place = places.setdefault((at, token), len(trie.ids))
            if place == len(trie.ids):
                trie.ids.append(token)
                trie.parents.append(at)
                trie.learnt.append(0)
            trie.learnt[place] += depth >= row.learn_from
            at = place
    return trie


@dataclass(frozen=True)
class Batch:
    """Tries padded to one length: ids and positions (n, t), who sees whom (n, 1, t, t), and what to predict.

    `sources` are flat places in (n·t) whose next token is `targets`, counted `weights` times.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    sees: torch.Tensor
    sources: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor


def batch(tries: Sequence[Trie]) -> Batch:
    """Pad with token 0, which sees itself and is seen by none."""
    width = max(map(len, tries))
    ids = torch.zeros(len(tries), width, dtype=torch.long)
    positions = torch.zeros_like(ids)
    sees = torch.eye(width, dtype=torch.bool).repeat(len(tries), 1, 1)
    learnt: list[tuple[int, int, int]] = []
    for n, trie in enumerate(tries):
        ids[n, : len(trie)] = torch.tensor(trie.ids)
        seen = sees[n].numpy()
        for place, parent in enumerate(trie.parents):
            if parent >= 0:
                seen[place, :place] = seen[parent, :place]
        positions[n, : len(trie)] = sees[n, : len(trie)].sum(1) - 1
        learnt += [
            (n * width + parent, token, count)
            for token, parent, count in zip(trie.ids, trie.parents, trie.learnt, strict=True)
            if count and parent >= 0
        ]
    sources, targets, weights = zip(*learnt, strict=True)
    return Batch(
        ids, positions, sees[:, None], torch.tensor(sources), torch.tensor(targets), torch.tensor(weights)
    )
