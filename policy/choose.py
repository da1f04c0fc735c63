"""The next token of each row, by inverting the distribution's cumulative sum at the row's own uniform draw.

One uniform number decides one token, so a row's randomness does not depend on who shares its batch, as it would
with `torch.multinomial`. The sums run in float64: in float32 the far end of a large vocabulary is lost.
"""

import torch
from torch import Tensor


def choose(logits: Tensor, draws: Tensor, temperature: float, top_p: float) -> tuple[Tensor, Tensor]:
    """Next tokens and their natural-log probabilities at temperature 1 (before top-p), both of shape (rows,).

    `logits` has shape (rows, vocabulary), `draws` (rows,) in [0, 1). Temperature 0 takes the likeliest token. Top-p
    keeps the smallest set of likeliest tokens whose probabilities reach `top_p` (nucleus sampling, arXiv:1904.09751).
    """
    logits = logits.float()
    if temperature == 0.0:
        tokens = logits.argmax(-1)
    else:
        probabilities = torch.softmax(logits / temperature if temperature != 1.0 else logits, -1)
        tokens = _invert(probabilities, draws) if top_p >= 1.0 else _nucleus(probabilities, draws, top_p)
    chosen = logits.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
    return tokens, chosen - torch.logsumexp(logits, -1)


def _nucleus(probabilities: Tensor, draws: Tensor, top_p: float) -> Tensor:
    ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(-1) - ordered
    places = _invert(ordered.masked_fill(before >= top_p, 0.0), draws)
    tokens: Tensor = order.gather(-1, places.unsqueeze(-1)).squeeze(-1)
    return tokens


def _invert(weights: Tensor, draws: Tensor) -> Tensor:
    """The first place where the cumulative weight exceeds the draw; never a place of zero weight."""
    wide = torch.float32 if weights.device.type == "mps" else torch.float64
    sums = weights.to(wide).cumsum(-1)
    targets = draws.to(wide).unsqueeze(-1) * sums[:, -1:]
    places = torch.searchsorted(sums, targets, right=True).squeeze(-1)
    # Rounding may put the target at the total itself; the last place with weight is where the total is reached.
    last = torch.searchsorted(sums, sums[:, -1:].contiguous()).squeeze(-1)
    return torch.minimum(places, last)
