r"""Decide whether a live output is the recorded one.

Text must be equal, runs of white space aside. A number must be equal to the
precision in which it was written: the live number, rounded to the recorded
decimals, is the recorded number. So a recorded `0.24` accepts a live `0.2379`,
and no recorded last digit can be stale. Numbers without decimals are exact.
Where processors differ in the last digit, `# doctest: +NUMBER` allows one unit
of it, as pytest's flag of that name does.
"""

from __future__ import annotations

import doctest
import re
from decimal import Decimal

from literate.examples import Example

_NUMBER = re.compile(
    r"(?<![\w.])[-+]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?!\.?\w)"
)
STACK = "Traceback (most recent call last):\n    ...\n"
_TRACEBACK = re.compile(
    r"^Traceback \(most recent call last\):[ \t]*\n(?:[ \t].*\n|\n)*(?=\w)", re.MULTILINE
)
_BLANK = re.compile(r"^<BLANKLINE>[ \t]*$", re.MULTILINE)


def matches(example: Example, got: str, *, measured: bool = False) -> bool:
    r"""Whether `got` is what the example records.

    Args:
        example: The example with its recorded output.
        got: The live output.
        measured: Compare the text around the numbers only.

    Examples:
        >>> from literate.examples import Lines
        >>> example = Example("x\n", "tensor([0.24, 1.50])\n", 1, Lines(2, 3, ""))
        >>> matches(example, "tensor([0.2379, 1.4950])\n")
        True
        >>> matches(example, "tensor([0.2339, 1.4950])\n")
        False
    """
    # A page may print a traceback, too.
    want, got = canonical(example.want), _TRACEBACK.sub(STACK, got)
    if "ELLIPSIS" in example.directives:
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        return doctest.OutputChecker().check_output(want, got, flags)
    units = Decimal(1) if "NUMBER" in example.directives else Decimal("0.5")
    return _same(want, got, units=None if measured else units)


def canonical(want: str) -> str:
    r"""The recorded output as the runner would have written it.

    Examples:
        >>> canonical("Traceback (most recent call last):\n  File 'x', line 1\nValueError: no\n")
        'Traceback (most recent call last):\n    ...\nValueError: no\n'
    """
    return _TRACEBACK.sub(STACK, _BLANK.sub("", want))


def expects_traceback(example: Example) -> bool:
    """Whether the example records an exception."""
    return bool(_TRACEBACK.search(example.want))


def _same(want: str, got: str, *, units: Decimal | None) -> bool:
    want, got = (" ".join(text.split()) for text in (want, got))
    if _NUMBER.split(want) != _NUMBER.split(got):
        return False
    pairs = zip(_NUMBER.findall(want), _NUMBER.findall(got), strict=True)
    return units is None or all(_same_number(*pair, units=units) for pair in pairs)


def _same_number(want: str, got: str, *, units: Decimal) -> bool:
    if want == got:
        return True
    if "." not in want or not re.search(r"[.eE]", got):
        return False
    try:
        expected, live = (Decimal(number.replace(",", "")) for number in (want, got))
        if re.search(r"\.(?!\d)", want):
            return expected == live
        unit = Decimal(1).scaleb(_exponent(expected))
        return _exponent(live) <= _exponent(expected) and abs(live - expected) <= units * unit
    except ArithmeticError:  # an exponent that no Decimal can have
        return False


def _exponent(number: Decimal) -> int:
    return int(number.as_tuple().exponent)
