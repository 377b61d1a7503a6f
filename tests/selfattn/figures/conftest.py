import pytest
import torch

from selfattn import context, rope, similarity, softmax, tile_walk
from selfattn.figures import heatmap, heatmaps, hull, lines, rotations, tiles


@pytest.fixture
def weights(inputs):
    return softmax(similarity(inputs, inputs))


@pytest.fixture
def figures(inputs, weights, words):
    """Give one figure of each kind, by its title."""
    marked = {"z₁": context(weights, inputs)[1]}
    curves = {"up": torch.tensor([1.0, 2.0, 4.0]), "down": torch.tensor([3.0, -1.0, 2.0])}
    both = torch.stack([weights, weights.mT])
    walk = tile_walk(5, 7, causal=True, block_q=2, block_k=3)
    turned = rope(torch.ones(5, 4), torch.arange(5))
    made = [
        heatmap(weights, rows=words, columns=words, title="Weights"),
        heatmaps(both, names=["there", "back"], rows=words, columns=words, title="Two maps"),
        hull(inputs, labels=words, marked=marked, title="Hull"),
        lines(torch.tensor([1, 2, 3]), curves, title="Lines", x_label="x", y_label="y"),
        rotations(turned, rows=list("01234"), title="Rotations"),
        tiles(walk, shape=(5, 7), causal=True, title="Tiles"),
    ]
    return {figure.title: figure for figure in made}
