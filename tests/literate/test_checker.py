from __future__ import annotations

import doctest
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from literate.checker import canonical, expects_traceback, matches
from literate.examples import Example, Lines


def example(want: str, *directives: str) -> Example:
    return Example("x\n", want, 1, Lines(2, 3, ""), frozenset(directives))


def same(want: str, got: str, *directives: str, measured: bool = False) -> bool:
    return matches(example(want, *directives), got, measured=measured)


EQUAL = [
    ("0.24", "0.2379"),
    ("0.2379", "0.2379"),
    ("0.3", "0.25"),
    ("0.2", "0.25"),
    (".5", "0.5"),
    (".25", ".2501"),
    ("-0.0", "0.0"),
    ("0.00", "1e-05"),
    ("1.50e-05", "1.4999e-05"),
    ("1.0e+10", "1.01e+10"),
    ("1.0e5", "1.01e5"),
    ("1,234.5", "1,234.51"),
    ("1,234.5", "1234.5"),
    ("12,345.5", "12345.5"),
    ("1,234,567.5", "1234567.5"),
    ("1.", "1."),
    ("1.", "1.0"),
    ("nan inf -inf", "nan inf -inf"),
    ("a  b\n c", "a b c"),
    (
        "Traceback (most recent call last):\n  File 'x', line 1\nE: no",
        "Traceback (most recent call last):\n  File 'y', line 2\n    f()\nE: no",
    ),
    ("a\n<BLANKLINE>\nb", "a\n\nb"),
    ("a\n<BLANKLINE>  \nb", "a\n  \nb"),
    ("x=0.5, y=2", "x=0.5000, y=2"),
    ("1.0.3", "1.0.3"),
    ("é→", "é→"),
    ("", ""),
    ("12345678901234567890.12345678901234567890", "12345678901234567890.12345678901234567890"),
]
DIFFERENT = [
    ("0.2378", "0.2379"),
    ("0.23", "0.2379"),
    ("0.2", "0.2501"),
    ("0.2400", "0.24"),
    ("1.0", "1."),
    ("1.", "1.4"),
    ("1.", "1"),
    ("1.25x", "1.2504x"),
    ("1", "1.0"),
    ("1.0", "1"),
    ("1", "2"),
    ("100", "1e2"),
    ("-0.5", "0.5"),
    ("1.5", "nan"),
    ("nan", "inf"),
    ("inf", "-inf"),
    ("1.50e-05", "1.5e-04"),
    ("1.0", "1.0e999999999"),
    ("1.0e999999999", "2.0e999999999"),
    ("1.0e99999999999999999999", "1.1e99999999999999999999"),
    ("1,234.5", "1,235.5"),
    ("12,34.5", "1234.5"),
    ("1.0.3", "1.0.31"),
    ("v1.25", "v1.253"),
    ("1.0000+2.0000j", "1.0000+2.0001j"),
    ("0x1.5", "0x1.52"),
    ("tensor([1.])", "tensor([[1.]])"),
    ("tensor([1., 2.])", "tensor([1., 2., 3.])"),
    ("tensor([1.])", "tensor([1.], dtype=torch.float64)"),
    ("tensor([1., 2.], dtype=torch.float64)", "tensor([1., 2.], dtype=torch.float32)"),
    ("tensor([1, 2])", "tensor([1., 2.])"),
    ("tensor([12])", "tensor([1, 2])"),
    ("ab", "a b"),
    ("a", "A"),
    ("a", ""),
    ("", "a"),
    ("...", "anything"),
    ("tensor([0.1, ..., 0.3])", "tensor([0.1, 0.2, 0.3])"),
    ("<BLANKLINE>", "<BLANKLINE>"),
    ("a <BLANKLINE>", "a"),
    ("<BLANKLINE> a", "a"),
]


@pytest.mark.parametrize(("want", "got"), EQUAL)
def test_equal(want: str, got: str) -> None:
    assert same(f"{want}\n", f"{got}\n")


@pytest.mark.parametrize(("want", "got"), DIFFERENT)
def test_different(want: str, got: str) -> None:
    assert not same(f"{want}\n", f"{got}\n")


def test_number_directive_tolerates_one_unit() -> None:
    assert same("0.2378", "0.2379", "NUMBER")
    assert same("0.2380", "0.23790001", "NUMBER")
    assert not same("0.2377", "0.2379", "NUMBER")
    assert not same("2", "3", "NUMBER")


def test_ellipsis_directive() -> None:
    assert same("<object at 0x...>\n", "<object at 0x7f>\n", "ELLIPSIS")
    assert not same("<object at 0x...>\n", "<thing at 0x7f>\n", "ELLIPSIS")
    assert same("a\n<BLANKLINE>\n...\n", "a\n\nb\nc\n", "ELLIPSIS")


def test_measured_compares_the_text_around_the_numbers() -> None:
    assert same("took 3.2 ms, 1,000 times", "took 17 ms, 12 times", measured=True)
    assert not same("took 3.2 ms", "took 3.2 s", measured=True)
    assert not same("took 3.2 ms", "took 3.2 ms 1", measured=True)
    assert not same("took 3.2 ms", "took nan ms", measured=True)
    assert same("tensor([1., 2.])", "tensor([0.5, 2.])", measured=True)
    assert not same("a - b", "a + b", measured=True)
    assert not same("a . b", "a .5 b", measured=True)
    assert not same("1.5e", "2.5e", measured=True)


STACKS = [
    "    ...\n",
    "",
    '  File "x.py", line 3, in f\n    return 1 / 0\n           ~~^~~\n',
    "    f()\n \n",
]


@pytest.mark.parametrize("stack", STACKS)
def test_recorded_traceback_may_show_any_stack(stack: str) -> None:
    recorded = f"Traceback (most recent call last):\n{stack}ValueError: no\n  more\n"
    live = "Traceback (most recent call last):\n    ...\nValueError: no\n  more\n"
    assert canonical(f"printed\n{recorded}") == f"printed\n{live}"
    assert expects_traceback(example(recorded))
    assert same(recorded, live)
    assert not same(recorded, live.replace("no", "yes"))
    assert not same(recorded, live.replace("ValueError", "TypeError"))


def test_what_is_no_traceback() -> None:
    assert not expects_traceback(example("ValueError: no\n"))
    assert not expects_traceback(example("Traceback (most recent call last):\n    ...\n"))
    assert not expects_traceback(example("  Traceback (most recent call last):\n    ...\nE: no\n"))


TEXTS = st.text(alphabet="0123456789.,-+eE \nabjx[]():é", max_size=40)
NUMBERS = st.decimals(-1000, 1000, allow_nan=False, places=4).map(str)
TENSORS = st.lists(NUMBERS, min_size=1, max_size=5).map(lambda each: f"tensor([{', '.join(each)}])")


@given(TEXTS | TENSORS)
def test_output_equals_itself(text: str) -> None:
    assert same(text, text)
    assert same(text, text, measured=True)


@given(TEXTS, TEXTS)
def test_equal_texts_are_equal_for_doctest_once_numbers_are_rounded(want: str, got: str) -> None:
    digits = re.compile(r"\d")
    if not digits.search(want + got):
        flags = doctest.NORMALIZE_WHITESPACE
        assert same(want, got) == doctest.OutputChecker().check_output(want, got, flags)


@given(TENSORS, st.data())
def test_changed_digit_is_caught(live: str, data: st.DataObject) -> None:
    places = [match.start() for match in re.finditer(r"\d", live)]
    place = data.draw(st.sampled_from(places))
    digit = data.draw(st.sampled_from("0123456789").filter(lambda each: each != live[place]))
    stale = live[:place] + digit + live[place + 1 :]
    assert not same(stale, live)


@given(NUMBERS, st.integers(1, 3))
def test_rounded_number_is_accepted_and_its_neighbor_is_not(live: str, places: int) -> None:
    rounded = f"{float(live):.{places}f}"
    neighbor = f"{float(rounded) + 10**-places:.{places}f}"
    assert same(rounded, live)
    assume(abs(abs(float(live) - float(rounded)) - 0.5 * 10**-places) > 1e-9)
    assert not same(neighbor, live)
