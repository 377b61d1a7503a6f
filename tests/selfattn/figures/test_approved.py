"""Figures as they were approved by eye.

Other tests say what must hold in every figure; this one holds each line and letter of some. Where a
drawing is changed on purpose, `python tests/selfattn/figures/test_approved.py` writes the files of
`approved` anew, to be viewed in a browser and compared with those before.
"""

import math
from pathlib import Path

import pytest
import torch

from selfattn import rope, tile_walk
from selfattn.figures import heatmap, heatmaps, hull, lines, rotations, tiles

APPROVED = Path(__file__).with_name("approved")
WORDS = ["Your", "journey", "<b>", "旅", "one"]
PRIMES = torch.tensor([2.0, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67])
MORE = torch.cat([PRIMES, torch.tensor([71.0, 73, 79, 83, 89, 97])])


def numbers(count):
    return [str(number) for number in range(count)]


def residues(*shape):
    """Give integers that look random, and are the same everywhere."""
    return (torch.arange(math.prod(shape)) ** 2 * 7 % 17).reshape(shape)


SIGNED = torch.tensor([[0.0, 1, 2, 9, 4], [3, -1.25, 1.255, 0, -torch.inf], [5, 0.5, -0.004, 8, 1]])

FIGURES = {
    "heatmap": lambda: heatmap(SIGNED, rows=WORDS[:3], columns=WORDS, title="Scores & more"),
    "heatmap-named": lambda: heatmap(
        residues(3, 2) / 16,
        rows=["a", "b", "c"],
        columns=["d", "e"],
        title="t",
        description="Told.",
        digits=1,
        row_axis="word",
        column_axis="feature",
        limits=(0.1, 0.8),
    ),
    "heatmap-without-numbers": lambda: heatmap(
        residues(7, 11), rows=numbers(7), columns=numbers(11), title="Eleven", digits=None
    ),
    "heatmap-narrow": lambda: heatmap(
        residues(3, 61), rows=["a", "b", "c"], columns=numbers(61), title="Sixty-one", digits=None
    ),
    "heatmap-low": lambda: heatmap(
        residues(33, 29)[:, ::7], rows=numbers(33), columns=list("abcde"), title="Low", digits=None
    ),
    "heatmap-upright": lambda: heatmap(
        residues(2, 9) * 100,
        rows=["", "of a query"],
        columns=["attention", *numbers(7), "tokens"],
        title="Wide words",
    ),
    "heatmap-of-one": lambda: heatmap(
        torch.tensor([[2.5]]), rows=["a"], columns=["b"], title="One", digits=3
    ),
    "heatmaps": lambda: heatmaps(
        residues(5, 3, 2) / 8 - 0.5,
        names=[f"head {number}" for number in range(5)],
        rows=WORDS[:3],
        columns=WORDS[1:3],
        title="Five",
    ),
    "heatmaps-two-and-two": lambda: heatmaps(
        residues(4, 3, 2) / 2,
        names=list("abcd"),
        rows=["r", "s", "t"],
        columns=["u", "v"],
        title="Four",
        row_axis="from",
        column_axis="to",
        limits=(1, 7),
        description="Told.",
    ),
    "heatmaps-without-numbers": lambda: heatmaps(
        residues(3, 5, 7),
        names=list("abc"),
        rows=numbers(5),
        columns=numbers(7),
        title="Three",
        digits=None,
    ),
    "heatmaps-small": lambda: heatmaps(
        residues(5, 2, 29),
        names=list("abcde"),
        rows=["r", "s"],
        columns=numbers(29),
        title="Many columns",
        digits=None,
    ),
    "heatmaps-wider-than-the-page": lambda: heatmaps(
        residues(2, 2, 14) * 1000,
        names=list("ab"),
        rows=["r", "s"],
        columns=[*"abcdefghijklmn"],
        title="Wide",
        digits=3,
    ),
    "hull": lambda: hull(
        torch.tensor([[0.0, 0], [4, 1], [5, 5], [1, 6], [2, 3]]),
        labels=WORDS,
        marked={"z": torch.tensor([3.0, 2.5]), "far": torch.tensor([-1.0, 4.5])},
        title="Hull",
    ),
    "hull-of-a-plane": lambda: hull(
        torch.tensor([[1.0, 0, 2, 0], [3, 1, -1, 0], [0, 7, 1, 1], [-5, 2, 1, 0], [1, 1, 1, 3]]),
        labels=WORDS,
        marked={},
        title="Principal axes",
    ),
    "hull-crowded": lambda: hull(
        torch.stack([PRIMES % 7, PRIMES % 5], 1) + PRIMES[:, None] / 90,
        labels=[f"word {number}" for number in range(19)],
        marked={"mean": torch.tensor([3.3, 2.4]), "near": torch.tensor([3.4, 2.5])},
        title="Crowd",
    ),
    "hull-packed": lambda: hull(
        torch.stack([MORE % 10 + MORE / 10, MORE % 10 - MORE / 10], 1),
        labels=[f"word {number}" for number in range(25)],
        marked={"mean": torch.tensor([5.0, 5.0]), "z": torch.tensor([5.2, 5.1])},
        title="Packed",
    ),
    "hull-of-a-grid": lambda: hull(
        torch.cartesian_prod(torch.arange(4), torch.arange(4)),
        labels=[("name " * (1 + number % 3)) + str(number) for number in range(16)],
        marked={"mean": torch.tensor([1.1, 1.2])},
        title="Grid",
    ),
    "hull-on-a-line": lambda: hull(
        torch.tensor([[1.0], [4.0], [2.0]]),
        labels=["one", "four", "two"],
        marked={"mean": torch.tensor([7 / 3])},
        title="Line",
        description="Told.",
    ),
    "hull-of-one": lambda: hull(
        torch.tensor([[3.0, 1.0]]), labels=["alone"], marked={}, title="Point"
    ),
    "lines": lambda: lines(
        PRIMES,
        {
            "cube": PRIMES**3,
            "square": PRIMES**2,
            "self": PRIMES,
            "again": PRIMES + 0.5,
            "root": PRIMES.sqrt(),
        },
        title="Powers",
        x_label="prime",
        y_label="power",
        log_x=True,
        log_y=True,
    ),
    "lines-below-zero": lambda: lines(
        PRIMES,
        {"up": PRIMES * 1e-3, "down": 0.04 - PRIMES * 2e-3},
        title="Two",
        x_label="x",
        y_label="y",
        description="Told.",
    ),
    "lines-within-a-decade": lambda: lines(
        torch.tensor([0.0, 0.25, 1.0]),
        {"a": torch.tensor([3.1, 3.9, 3.5]), "constant": torch.tensor([3.3, 3.3, 3.3])},
        title="Near",
        x_label="t",
        y_label="loss",
        log_y=True,
    ),
    "lines-over-many-decades": lambda: lines(
        torch.tensor([1e-9, 1e0, 1e9, 1e13]),
        {"a": torch.tensor([2e-6, 4e-6, 3e-6, 1.5e-5])},
        title="Decades",
        x_label="t",
        y_label="loss",
        log_x=True,
        log_y=True,
    ),
    "rotations": lambda: rotations(
        rope(torch.tensor([[1.0, 0, 0.5, 0.5, 0, 2]]).expand(5, 6), torch.arange(5)),
        rows=numbers(5),
        title="Turned",
    ),
    "rotations-uneven": lambda: rotations(
        torch.tensor([[1.0, 0, 3, 1], [0, 2, 0, 0], [-1, -1, 2, -2]]),
        rows=WORDS[:3],
        title="Not turned",
        description="Told.",
        digits=1,
    ),
    "rotations-crowded": lambda: rotations(
        rope(torch.ones(24, 4), torch.arange(24) * 3), rows=numbers(24), title="Crowd"
    ),
    "rotations-of-one": lambda: rotations(torch.tensor([[3.0, 4.0]]), rows=["a"], title="One"),
    "tiles": lambda: tiles(
        tile_walk(5, 7, causal=True, block_q=2, block_k=3), shape=(5, 7), causal=True, title="Walk"
    ),
    "tiles-not-causal": lambda: tiles(
        [(slice(4, 11), slice(0, 2)), (slice(0, 3), slice(1, 5))],
        shape=(11, 5),
        title="Some",
        description="Told.",
    ),
    "tiles-many": lambda: tiles(
        tile_walk(40, 60, causal=True, block_q=3, block_k=4),
        shape=(40, 60),
        causal=True,
        title="Many",
    ),
    "tiles-small": lambda: tiles(
        tile_walk(120, 200, block_q=40, block_k=70), shape=(120, 200), title="Edges"
    ),
}


def page(name):
    """Show a figure as a page does, each element on its own line, so that a change is found."""
    return FIGURES[name]()._repr_html_().replace("><", ">\n<") + "\n"


def record():
    APPROVED.mkdir(exist_ok=True)
    for name in FIGURES:
        (APPROVED / f"{name}.html").write_text(page(name), "utf-8")


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_drawn_as_it_was_approved(name):
    assert page(name) == (APPROVED / f"{name}.html").read_text("utf-8")


def test_all_that_is_approved_is_drawn():
    assert {file.stem for file in APPROVED.iterdir()} == set(FIGURES)


if __name__ == "__main__":
    record()
