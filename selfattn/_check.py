"""Input checks, shared by the modules. Each message names the argument and quotes what it got."""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def tensors(**named: Tensor) -> None:
    """Refuse whatever is not a floating-point tensor, and a mixture of dtypes."""
    for name, tensor in named.items():
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name} must be a torch.Tensor, got {type(tensor).__name__}")
        if not tensor.is_floating_point():
            got = f"{tensor.dtype}; try {name}.float()"
            raise TypeError(f"{name} must be floating point, got {got}")
    if len({tensor.dtype for tensor in named.values()}) > 1:
        got = ", ".join(f"{name} {tensor.dtype}" for name, tensor in named.items())
        raise TypeError(f"{_all(named)} must have the same dtype, got {got}")


def rows(name: str, tensor: Tensor) -> None:
    """Refuse a tensor without a last axis to normalize over."""
    if tensor.ndim == 0 or tensor.shape[-1] == 0:
        raise ValueError(f"{name} must have a non-empty last axis, got shape {_shape(tensor)}")


def sequences(**named: Tensor) -> None:
    """Refuse anything but non-empty (*B, length, width), and batch axes that differ."""
    for name, tensor in named.items():
        if tensor.ndim < 2:
            raise ValueError(f"{name} must have shape (*B, length, width), got {_shape(tensor)}")
        if 0 in tensor.shape[-2:]:
            raise ValueError(f"{name} must not be an empty sequence, got shape {_shape(tensor)}")
    same("batch axes", lambda tensor: tensor.shape[:-2], **named)


def same(what: str, part: Callable[[Tensor], object], **named: Tensor) -> None:
    """Refuse tensors that do not agree in one part of their shapes."""
    if len({part(tensor) for tensor in named.values()}) > 1:
        got = ", ".join(f"{name} {_shape(tensor)}" for name, tensor in named.items())
        raise ValueError(f"{_all(named)} must have the same {what}, got {got}")


def finite(**named: Tensor) -> None:
    """Refuse an infinity or a NaN, naming where the first one is."""
    for name, tensor in named.items():
        index = first(~tensor.isfinite())
        if index is not None:
            value = tensor[index]
            raise ValueError(f"{at(name, index)} is {value}, which makes the result NaN")


def no_nan(result: Tensor, **inputs: Tensor) -> Tensor:
    """Return the result, unless it holds a NaN that a non-finite input explains."""
    # A NaN makes the sum NaN, and a sum takes a tenth of the time of a search.
    suspect = not result.is_meta and result.sum().isnan()
    if suspect and first(result.isnan()) is not None:
        finite(**inputs)
    return result


def positive(**named: int) -> None:
    """Refuse a number below 1."""
    for name, number in named.items():
        if number < 1:
            raise ValueError(f"{name} must be positive, got {number}")


def index(name: str, number: int, length: int) -> None:
    """Refuse what is no index of a sequence, negative ones included."""
    if not isinstance(number, int):
        raise TypeError(f"{name} must be an integer, got {number!r}")
    if not 0 <= number < length:
        raise ValueError(f"{name} must be an index from 0 to {length - 1}, got {number}")


def boolean_mask(mask: Tensor, shape: tuple[int, ...]) -> None:
    """Refuse a mask that is not boolean or does not broadcast to the shape."""
    if not isinstance(mask, Tensor):
        raise TypeError(f"mask must be a torch.Tensor, got {type(mask).__name__}")
    if mask.dtype != torch.bool:
        got = f"{mask.dtype}; see convert_mask"
        raise TypeError(f"mask must be boolean, True where a query may attend, got {got}")
    try:
        mask.expand(shape)
    except RuntimeError:
        got = f"shape {tuple(mask.shape)}"
        raise ValueError(f"mask must broadcast to {shape}, got {got}") from None


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    mask: Tensor | None = None,
    scale: float | int | None = None,
    dropout: float | int = 0.0,
) -> None:
    """Refuse queries, keys and values that do not fit together, and options out of range."""
    tensors(q=q, k=k, v=v)
    sequences(q=q, k=k, v=v)
    same("width", lambda tensor: tensor.shape[-1], q=q, k=k)
    same("length", lambda tensor: tensor.shape[-2], k=k, v=v)
    if mask is not None:
        boolean_mask(mask, (*q.shape[:-1], k.shape[-2]))
    # The kernel scales the -inf of its triangle, too: 0 would make it NaN, and -1 would show it.
    if scale is not None and not 0 < scale < math.inf:
        raise ValueError(f"scale must be positive and finite, got {scale}")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be at least 0 and less than 1, got {dropout}")


def first(mask: Tensor) -> tuple[int, ...] | None:
    """Give the index of the first true element, if there is one."""
    # A meta tensor has a shape and no values, so there is nothing to find in it.
    if mask.is_meta or not mask.any():
        return None
    return tuple(mask.nonzero()[0].tolist())


def at(name: str, index: tuple[int, ...]) -> str:
    """Write a tensor's name with an index, as in code."""
    return f"{name}{list(index)}" if index else name


def _all(named: dict[str, Tensor]) -> str:
    *head, last = named
    return f"{', '.join(head)} and {last}"


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)
