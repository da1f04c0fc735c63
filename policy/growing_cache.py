"""A key-value cache that grows in place.

transformers' `DynamicLayer` joins the whole cache anew for every token, which for a small model on a CPU costs more
than the model. This layer keeps spare room and writes the new token into it. It stands in for plain full-attention
layers only; layers of other kinds (sliding windows, recurrent states) keep their own class.
"""

from typing import Any

from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer

_ROOM = 32
"""Tokens of spare room at least: a longer stretch is copied less often and holds more memory."""


class GrowingLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values of one layer, each of shape (rows, heads, capacity, size), filled up to `length`."""

    def __init__(self, layer: DynamicLayer, rows: Tensor) -> None:
        super().__init__()
        self.dtype, self.device, self.is_initialized = layer.dtype, layer.device, True
        self.length = layer.keys.shape[-2]
        self.keys, self.values = _with_room(layer.keys[rows]), _with_room(layer.values[rows])

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        end = self.length + key_states.shape[-2]
        if end > self.keys.shape[-2]:
            self.keys, self.values = _with_room(self.keys, end), _with_room(self.values, end)
        self.keys[:, :, self.length : end] = key_states
        self.values[:, :, self.length : end] = value_states
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def get_seq_length(self) -> int:
        return int(self.length)

    def reorder_cache(self, beam_idx: Tensor) -> None:
        self.keys = _keep(self.keys, beam_idx, self.length)
        self.values = _keep(self.values, beam_idx, self.length)


def take_rows(cache: DynamicCache, rows: Tensor) -> None:
    """Make the cache hold `rows` (indices, repeated or left out at will), its plain layers growing in place."""
    for index, layer in enumerate(cache.layers):
        if type(layer) is DynamicLayer:
            cache.layers[index] = GrowingLayer(layer, rows)
        else:
            layer.reorder_cache(rows)


def _keep(states: Tensor, rows: Tensor, length: int) -> Tensor:
    """The kept rows, moved to the front of the same memory: fresh memory would cost more than the copy."""
    if len(rows) > states.shape[0]:
        return _with_room(states[rows, :, :length])
    states[: len(rows), :, :length] = states[rows, :, :length]
    return states[: len(rows)]


def _with_room(states: Tensor, length: int = 0) -> Tensor:
    rows, heads, filled, size = states.shape
    roomy = states.new_empty(rows, heads, max(filled, length) + _ROOM, size)
    roomy[:, :, :filled] = states
    return roomy
