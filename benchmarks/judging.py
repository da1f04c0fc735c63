"""Ways of asking a local policy which of two answers is better, by the probability it gives the two labels.

The plain way reads each chat whole, in batches of a fixed size in the order given, and takes the logits of every
position. A judgement is two chats: both presentation orders.
"""

import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.machine import synchronize
from benchmarks.sampling import PLAIN_BATCH
from policy.model import LoadedPolicy
from store.records import Message


@torch.inference_mode()
def label_logprobs_plainly(
    policy: LoadedPolicy, chats: Sequence[Sequence[Message]], labels: Sequence[str], limit: float
) -> tuple[NDArray[np.float64], float]:
    """Log-probability of each label (a single token) after each chat, and the seconds that took.

    Stops before a batch once `limit` seconds are over; the array has a row for each chat that was read.
    """
    tokenizer = policy.tokenizer
    tokenizer.padding_side = "left"
    ids = [tokenizer.convert_tokens_to_ids(label) for label in labels]
    found = []
    synchronize(policy.device)
    start = time.perf_counter()
    for first in range(0, len(chats), PLAIN_BATCH):
        batch = [[m.model_dump() for m in chat] for chat in chats[first : first + PLAIN_BATCH]]
        rendered = tokenizer.apply_chat_template(batch, tokenize=False, add_generation_prompt=True)
        encoded = tokenizer(
            rendered, padding=True, add_special_tokens=False, return_tensors="pt", return_token_type_ids=False
        ).to(policy.device)
        logits = policy.model(**encoded).logits[:, -1]
        found.append(torch.log_softmax(logits.float(), -1)[:, ids].cpu().double().numpy())
        if time.perf_counter() - start > limit:
            break
    synchronize(policy.device)
    return np.concatenate(found), time.perf_counter() - start
