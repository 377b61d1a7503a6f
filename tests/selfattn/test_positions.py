import cmath
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from selfattn import alibi_bias, rope, sinusoidal

EPS = torch.finfo(torch.float64).eps
STEADY = settings(deadline=None, max_examples=50)
THETA = [1.0, 10000 ** (-1 / 3), 10000 ** (-2 / 3)]  # of width 6

places = st.integers(-5000, 5000)


def generator(seed):
    return torch.Generator().manual_seed(seed)


def test_sinusoidal_by_hand():
    expected = [[f(t * theta) for theta in THETA for f in (math.sin, math.cos)] for t in range(11)]
    torch.testing.assert_close(sinusoidal(11, 6), torch.tensor(expected), rtol=1e-6, atol=1e-7)


def test_sinusoidal_is_exact_far_out():
    last = sinusoidal(100_001, 6)[-1]
    expected = [f(100_000 * theta) for theta in THETA for f in (math.sin, math.cos)]
    torch.testing.assert_close(last, torch.tensor(expected), rtol=1e-6, atol=1e-7)


def test_sinusoidal_has_the_default_dtype():
    torch.set_default_dtype(torch.float64)
    try:
        assert sinusoidal(3, 2).tolist() == [[math.sin(t), math.cos(t)] for t in range(3)]
    finally:
        torch.set_default_dtype(torch.float32)


@STEADY
@given(t=st.integers(0, 80), shift=st.integers(0, 19))
def test_a_shift_of_sinusoids_is_one_rotation(t, shift):
    table = sinusoidal(100, 6).double()
    # Its pairs are sine and cosine, in this order, so that they turn the other way round.
    turned = rope(table[t][None], torch.tensor([-shift]))[0]
    torch.testing.assert_close(table[t + shift], turned, rtol=0, atol=5e-7)


@pytest.mark.parametrize(
    ("T", "d", "message"),
    [
        (0, 4, "T must be positive, got 0"),
        (3, 5, "the width must be a positive even number, got 5"),
        (3, 0, "the width must be a positive even number, got 0"),
    ],
)
def test_bad_tables(refuses, unchecked, T, d, message):
    with refuses(ValueError, message):
        sinusoidal(T, d)


def turned(x, positions):
    """Turn pairs as complex numbers."""
    row = [complex(*pair) for pair in x.unflatten(-1, (-1, 2)).tolist()]
    factors = [cmath.exp(1j * positions * theta) for theta in THETA]
    products = [number * factor for number, factor in zip(row, factors, strict=True)]
    return [part for number in products for part in (number.real, number.imag)]


def test_rope_turns_neighbors_as_complex_numbers(draw):
    x, positions = draw(5, 6), [0, 3, -7, 11, 1000]
    expected = torch.tensor([turned(*pair) for pair in zip(x, positions, strict=True)])
    got = rope(x, torch.tensor(positions))
    torch.testing.assert_close(got, expected.double(), rtol=1e-6, atol=1e-6)
    assert got[0].equal(x[0])


@STEADY
@given(n=places, m=places, shift=places, seed=st.integers(0, 99))
def test_dot_products_see_only_the_offset(n, m, shift, seed):
    q, k = torch.randn(2, 1, 6, dtype=torch.float64, generator=generator(seed))
    at = lambda x, place: rope(x, torch.tensor([place]))[0]  # noqa: E731
    # An angle of up to 10,000 is rounded by 10,000 EPS, and norms are below 10.
    near, far = at(q, n) @ at(k, m), at(q, n + shift) @ at(k, m + shift)
    assert abs(near - far) < 1e6 * EPS


@STEADY
@given(place=places, seed=st.integers(0, 99))
def test_norms_are_kept(place, seed):
    x = torch.randn(3, 6, dtype=torch.float64, generator=generator(seed))
    norms = rope(x, torch.full((3,), place)).norm(dim=-1)
    torch.testing.assert_close(norms, x.norm(dim=-1), rtol=8 * EPS, atol=0)


@pytest.mark.parametrize("shape", [(5,), (1,), (2, 1, 5), (2, 3, 5), (2, 1, 1)])
def test_positions_broadcast(draw, shape):
    x = draw(2, 3, 5, 6)
    positions = torch.arange(math.prod(shape)).reshape(shape)
    expected = rope(x, positions.expand(2, 3, 5))
    assert rope(x, positions).equal(expected)
    assert rope(x[1, 2], positions.expand(2, 3, 5)[1, 2]).equal(expected[1, 2])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_rounded_once(draw, dtype):
    x, positions = draw(5, 6, dtype=dtype), torch.arange(5) * 1001
    assert rope(x, positions).equal(rope(x.float(), positions).to(dtype))


def test_float32_far_out(draw):
    x, positions = draw(5, 6, dtype=torch.float32), torch.arange(5) + 1_000_000
    expected = rope(x.double(), positions).float()
    torch.testing.assert_close(rope(x, positions), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_dtype_and_device_are_kept(dtype):
    x = torch.empty(2, 3, 4, dtype=dtype, device="meta")
    y = rope(x, torch.arange(3, device="meta"))
    assert (y.dtype, y.device.type, y.shape) == (dtype, "meta", (2, 3, 4))


def test_gradient(draw):
    x = draw(2, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: rope(x, torch.tensor([0, 5, 2])), x)


@pytest.mark.parametrize(
    ("error", "shape", "positions", "message"),
    [
        (
            TypeError,
            (3, 4),
            [0, 1, 2],
            "positions must be a torch.Tensor, got list",
        ),
        (
            TypeError,
            (3, 4),
            torch.tensor([0.0, 1.0, 2.0]),
            "positions must be integers, got torch.float32",
        ),
        (
            TypeError,
            (3, 4),
            torch.tensor([True, True, False]),
            "positions must be integers, got torch.bool",
        ),
        (
            ValueError,
            (3, 4),
            torch.arange(2),
            "positions must broadcast to the axes of x before its width, "
            "got positions (2,) for (3,)",
        ),
        (
            ValueError,
            (3, 4),
            torch.zeros(2, 3).long(),
            "positions must broadcast to the axes of x before its width, "
            "got positions (2, 3) for (3,)",
        ),
        (
            ValueError,
            (3, 5),
            torch.arange(3),
            "the width must be a positive even number, got 5",
        ),
        (
            ValueError,
            (4,),
            torch.arange(1),
            "x must have shape (*B, length, width), got (4,)",
        ),
    ],
)
def test_what_rope_refuses(refuses, unchecked, error, shape, positions, message):
    with refuses(error, message):
        rope(torch.ones(shape), positions)


def test_rope_of_integers(refuses, unchecked):
    with refuses(TypeError, "x must be floating point, got torch.int64; try x.float()"):
        rope(torch.ones(3, 4).long(), torch.arange(3))


def slopes(num_heads):
    return (-alibi_bias(num_heads, 1, 2)[:, 0, 0]).tolist()


def test_slopes_of_a_power_of_two():
    assert slopes(8) == [2.0**-h for h in range(1, 9)]
    assert slopes(2) == [2.0**-4, 2.0**-8]
    assert slopes(1) == [2.0**-8]


def test_slopes_of_other_numbers_of_heads():
    assert slopes(3) == [2.0**-4, 2.0**-8, 2.0**-2]
    assert slopes(6) == [2.0**-2, 2.0**-4, 2.0**-6, 2.0**-8, 2.0**-1, 2.0**-3]
    exact = slopes(8) + [2.0 ** (-half / 2) for half in (1, 3, 5, 7)]
    torch.testing.assert_close(torch.tensor(slopes(12)), torch.tensor(exact))


@STEADY
@given(num_heads=st.integers(1, 70))
def test_every_head_has_a_slope_of_its_own(num_heads):
    assert len(set(slopes(num_heads))) == num_heads
    assert all(0 < slope < 1 for slope in slopes(num_heads))


@pytest.mark.parametrize(("T", "S"), [(3, 5), (5, 3), (4, 4), (1, 7)])
def test_the_last_query_sits_at_the_last_key(T, S):
    expected = [[-abs(t + S - T - i) / 16 for i in range(S)] for t in range(T)]
    assert alibi_bias(2, T, S)[0].tolist() == expected


@pytest.mark.parametrize("name", ["num_heads", "T", "S"])
def test_sizes_of_the_bias(refuses, unchecked, name):
    with refuses(ValueError, f"{name} must be positive, got 0"):
        alibi_bias(**{"num_heads": 2, "T": 3, "S": 5, name: 0})
