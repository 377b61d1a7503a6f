"""The axis of a plot: where numbers lie on it, and which round ones to name."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from .drawing import fixed, power

Ticks = list[tuple[float, str]]
# A float32 power of ten is not exact, and should get its tick at the end of the axis.
SLACK = 1e-6


@dataclass(frozen=True)
class Axis:
    """A range of numbers, or of their decimal logarithms."""

    low: float
    high: float
    log: bool

    def shares(self, numbers: Tensor) -> list[float]:
        """Say how far along the axis numbers lie, from 0 to 1."""
        places = numbers.log10() if self.log else numbers
        return [self._share(place) for place in places.tolist()]

    def ticks(self, length: float, room: Callable[[str], float]) -> Ticks:
        """Give round numbers on the axis: how far along each lies, and its name.

        Args:
            length: How long the axis is drawn.
            room: How much of that a name needs.
        """
        for choice in (_powers if self.log else _multiples)(self.low, self.high):
            ticks = [(self._share(place), name) for place, name in choice]
            if len(ticks) > 1 and _fit(ticks, length, room):
                break
        return ticks

    def _share(self, place: float) -> float:
        return (place - self.low) / (self.high - self.low)


def axis(name: str, numbers: Tensor, log: bool) -> Axis:
    """Make the axis that just holds all numbers."""
    if log and numbers.min() <= 0:
        least = numbers.min().item()
        raise ValueError(f"{name} must be positive on a logarithmic scale, got {least}")
    places = numbers.log10() if log else numbers
    low, high = places.min().item(), places.max().item()
    return Axis(low - 0.5, high + 0.5, log) if low == high else Axis(low, high, log)


def _fit(ticks: Ticks, length: float, room: Callable[[str], float]) -> bool:
    return all(
        (there - here) * length >= (room(first) + room(second)) / 2
        for (here, first), (there, second) in pairwise(ticks)
    )


def _multiples(low: float, high: float) -> Iterator[Ticks]:
    """Give about five multiples of 1, 2 or 5 times a power of ten; then fewer."""
    for least in (2.5, 1.5, 1.0):
        exponent = math.floor(math.log10((high - low) / (1.2 * least)))
        step = 10.0**exponent
        step *= next(factor for factor in (5, 2, 1) if high - low >= least * factor * step)
        counts = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
        yield [(count * step, fixed(count * step, max(0, -exponent))) for count in counts]


def _powers(low: float, high: float) -> Iterator[Ticks]:
    """Give powers of ten where there are enough of them, else some multiples too; then fewer."""
    exponents = range(math.floor(low), math.ceil(high) + 1)
    decades = [exponent for exponent in exponents if low - SLACK <= exponent <= high + SLACK]
    if len(decades) >= 3:
        for step in range(1 + len(decades) // 7, len(decades)):
            yield _named(low, high, ((1, exponent) for exponent in decades[::step]))
    else:
        for factors in ((1, 2, 5), (1, 3), (1,)):
            yield _named(low, high, ((f, exponent) for exponent in exponents for f in factors))
        # Within less than a decade there may be none of these.
        for ticks in _multiples(10.0**low, 10.0**high):
            yield [(math.log10(place), name) for place, name in ticks]


def _named(low: float, high: float, numbers: Iterable[tuple[int, int]]) -> Ticks:
    """Name those multiples of powers of ten that lie on an axis, all of them in one way."""
    places = [(exponent + math.log10(factor), factor, exponent) for factor, exponent in numbers]
    shown = [each for each in places if low - SLACK <= each[0] <= high + SLACK]
    plain = all(-4 <= exponent <= 5 for _, _, exponent in shown)
    return [(place, _name(factor, exponent, plain)) for place, factor, exponent in shown]


def _name(factor: int, exponent: int, plain: bool) -> str:
    if plain:
        return fixed(factor * 10.0**exponent, max(0, -exponent))
    return power(exponent) if factor == 1 else f"{factor}·{power(exponent)}"
