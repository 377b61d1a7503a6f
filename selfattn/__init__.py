"""Self-attention from a dot product up: small, differentiable functions on tensors."""

from .context import Trace, context, simple_self_attention, trace
from .scores import similarity
from .weights import softmax, softmax_naive, sum_normalize

__all__ = [
    "Trace",
    "context",
    "similarity",
    "simple_self_attention",
    "softmax",
    "softmax_naive",
    "sum_normalize",
    "trace",
]
