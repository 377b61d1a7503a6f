import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from selfattn.figures.axis import axis


def number(name):
    """Read a name of a tick."""
    exponents = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹\N{MINUS SIGN}", "-0123456789-")
    factor, _, power = name.replace(",", "").translate(exponents).rpartition("·10")
    if factor:
        return float(factor) * 10.0 ** int(power)
    is_power = name.startswith("10") and set(name[2:]) & set("⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    return 10.0 ** int(power[2:]) if is_power else float(power)


@given(st.floats(-12, 12), st.floats(0.05, 20), st.sampled_from([100.0, 194.0, 300.0]))
def test_ticks_of_a_logarithmic_axis_lie_where_their_number_does(low, span, length):
    ends = torch.tensor([10.0**low, 10.0 ** (low + span)], dtype=torch.float64)
    made = axis("x", ends, log=True)
    ticks = made.ticks(length, lambda name: 6.0 * len(name))
    assert 1 <= len(ticks) <= 8
    for share, name in ticks:
        assert share == pytest.approx((math.log10(number(name)) - low) / span, abs=1e-6)
        assert -0.01 <= share <= 1.01


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_of_a_linear_axis_lie_where_their_number_does(low, span):
    made = axis("x", torch.tensor([low, low + span], dtype=torch.float64), log=False)
    ticks = made.ticks(200.0, lambda name: 16.0)
    assert 2 <= len(ticks) <= 7
    for share, name in ticks:
        assert share == pytest.approx((number(name) - low) / span, abs=1e-3)


def test_an_axis_without_room_has_few_ticks():
    made = axis("x", torch.tensor([1.0, 1e6]), log=True)
    assert [name for _, name in made.ticks(30.0, lambda name: 20.0)] == ["1", "10,000"]
    assert [name for _, name in made.ticks(1.0, lambda name: 20.0)] == ["10⁰", "10⁶"]
    made = axis("x", torch.tensor([0.0, 7.0]), log=False)
    assert [name for _, name in made.ticks(40.0, lambda name: 20.0)] == ["0", "5"]
    made = axis("x", torch.tensor([316.0, 562.0]), log=True)
    assert [name for _, name in made.ticks(100.0, lambda name: 20.0)] == ["400", "500"]


def test_names_on_one_axis_are_all_plain_or_all_powers():
    made = axis("x", torch.tensor([100.0, 1e8]), log=True)
    assert [name for _, name in made.ticks(300.0, len)] == ["10²", "10⁴", "10⁶", "10⁸"]
    made = axis("x", torch.tensor([100.0, 1e5]), log=True)
    assert [name for _, name in made.ticks(300.0, len)] == ["100", "1,000", "10,000", "100,000"]


@pytest.mark.parametrize(
    ("ends", "names"),
    [
        ((1.0, 100.0), ["1", "10", "100"]),
        ((1e-4, 1e-2), ["0.0001", "0.001", "0.01"]),
        ((1e-5, 1e-3), ["10⁻⁵", "10⁻⁴", "10⁻³"]),
    ],
)
def test_three_powers_of_ten_are_enough(ends, names):
    made = axis("x", torch.tensor(ends, dtype=torch.float64), log=True)
    assert [name for _, name in made.ticks(300.0, len)] == names


def test_of_wide_names_those_of_powers_stay():
    made = axis("x", torch.tensor([101.0, 99_900.0]), log=True)
    assert [name for _, name in made.ticks(100.0, lambda name: 30.0)] == ["1,000", "10,000"]
