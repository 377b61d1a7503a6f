"""Checks of what a figure is given: tensors that can be drawn, and a word for each row."""

import math
from collections.abc import Sequence

from torch import Tensor

from .. import _check


def plain(name: str, values: Tensor, ndim: int, lowest: float = math.nan) -> Tensor:
    """Check a tensor, and take it off its graph and its device, in float64."""
    if values.ndim != ndim or not values.numel():
        raise ValueError(f"{name} must have {ndim} non-empty axes, got shape {tuple(values.shape)}")
    index = _check.first(~values.isfinite() & (values != lowest))
    if index is not None:
        raise ValueError(f"{_check.at(name, index)} is {values[index]}, which has no place")
    return values.detach().double().cpu()


def sized(name: str, values: Tensor, length: int) -> Tensor:
    """Check a vector and its length."""
    vector = plain(name, values, ndim=1)
    if len(vector) != length:
        raise ValueError(f"{name} must have length {length}, got shape {tuple(values.shape)}")
    return vector


def words(name: str, words: Sequence[str], count: int) -> None:
    """Check that there is one word for each of some things."""
    if len(words) != count:
        raise ValueError(f"{name} must be {count} words, got {len(words)}")
