import subprocess
import sys
import typing

import pytest
import torch
from jaxtyping import TypeCheckError

import selfattn
import selfattn.figures

X = torch.ones(5, 3)
WRONG = {
    "similarity": (X, torch.ones(5, 4)),
    "sum_normalize": (torch.ones(5, dtype=torch.int64),),
    "softmax_naive": (torch.ones(5, dtype=torch.int64),),
    "softmax": (torch.ones(5, dtype=torch.int64),),
    "context": (X, X),
    "simple_self_attention": (torch.ones(5),),
    "trace": (X, X, torch.ones(4, 3), 0),
    "Trace": (0, X[0], X[:, 0], X[:4, 0], X, X[0]),
    "attention": (X, torch.ones(5, 4), X),
    "causal_mask": ("3",),
    "sliding_window_mask": (3, 3, "2"),
    "padding_mask": (torch.ones(5), 7),
    "convert_mask": (X.bool(),),
    "SelfAttention": ("3", 2),
    "MultiHeadAttention": (6, 6, "2"),
    "KVCache": (1, 2, "7", 3),
    "sinusoidal": ("5", 4),
    "rope": (X, X),
    "alibi_bias": (2, 5, "7"),
    "attention_backward": (X, X, X, X[0]),
    "softmax_jacobian": (torch.ones(5, dtype=torch.int64),),
    "Partial": (X, torch.ones(4)),
    "merge": (X, X),
    "streaming_attention": (X, torch.ones(5, 4), X),
    "tile_walk": ("5", 7),
}
OPTIONS = {"convert_mask": {"source": "keep", "target": 0}}
METHODS = {
    "SelfAttention": selfattn.SelfAttention.forward,
    "MultiHeadAttention": selfattn.MultiHeadAttention.forward,
    "KVCache": selfattn.KVCache.append,
}


def test_the_public_names():
    assert set(selfattn.__all__) == set(WRONG)
    assert all(hasattr(selfattn, name) for name in selfattn.__all__)


def test_importing_loads_nothing_beside_torch_and_jaxtyping():
    code = """
import sys, torch, jaxtyping
before = set(sys.modules)
import selfattn
print(*sorted(set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    packages = {name.split(".")[0] for name in done.stdout.split()}
    assert packages == {"selfattn"}


@pytest.mark.parametrize("name", sorted(WRONG))
def test_annotations_are_enforced_in_the_test_run(name):
    with pytest.raises(TypeCheckError):
        getattr(selfattn, name)(*WRONG[name], **OPTIONS.get(name, {}))


def test_the_annotation_of_a_result_is_enforced(monkeypatch):
    monkeypatch.setattr(selfattn.scores._check, "no_nan", lambda result, **_: result.mT)
    with pytest.raises(TypeCheckError, match="return value"):
        selfattn.similarity(torch.ones(3, 7), torch.ones(5, 7))


FIGURES = sorted({*selfattn.figures.__all__} - {"Figure"})


@pytest.mark.parametrize("name", [*selfattn.__all__, *FIGURES])
def test_every_tensor_is_annotated_with_its_shape(name):
    public = METHODS.get(name, getattr(selfattn, name, getattr(selfattn.figures, name, None)))
    hints = typing.get_type_hints(public)
    assert hints
    assert torch.Tensor not in hints.values()
