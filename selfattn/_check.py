"""Input checks, shared by the modules. Each message names the argument and quotes what it got."""

from collections.abc import Callable

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
            value = tensor[index].item()
            raise ValueError(f"{at(name, index)} is {value}, which makes the result NaN")


def no_nan(result: Tensor, **inputs: Tensor) -> Tensor:
    """Return the result, unless it holds a NaN that a non-finite input explains."""
    if first(result.isnan()) is not None:
        finite(**inputs)
    return result


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
