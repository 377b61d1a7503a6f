import re

import jaxtyping
import pytest
import torch


@pytest.fixture
def unchecked(monkeypatch):
    """Turn the annotation checker off: it would refuse wrong shapes before the package does."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.fixture
def refuses():
    """Expect an error with exactly this message."""
    return lambda error, message: pytest.raises(error, match=f"^{re.escape(message)}$")


@pytest.fixture
def words():
    return ["Your", "journey", "starts", "with", "one", "step"]


@pytest.fixture
def inputs():
    return torch.tensor(
        [
            [0.43, 0.15, 0.89],
            [0.55, 0.87, 0.66],
            [0.57, 0.85, 0.64],
            [0.22, 0.58, 0.33],
            [0.77, 0.25, 0.10],
            [0.05, 0.80, 0.55],
        ]
    )


@pytest.fixture
def draw():
    """Give tensors of normal random numbers, the same ones in every run."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape, dtype=torch.float64):
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)

    return normal
