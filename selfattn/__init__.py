"""Self-attention from a dot product up: small, differentiable functions on tensors."""

from .attention import attention, causal_mask, convert_mask, padding_mask, sliding_window_mask
from .backward import attention_backward
from .context import Trace, context, simple_self_attention, trace
from .modules import KVCache, MultiHeadAttention, SelfAttention
from .positions import alibi_bias, rope, sinusoidal
from .scores import similarity
from .streaming import Partial, merge, streaming_attention, tile_walk
from .weights import softmax, softmax_jacobian, softmax_naive, sum_normalize

__all__ = [
    "KVCache",
    "MultiHeadAttention",
    "Partial",
    "SelfAttention",
    "Trace",
    "alibi_bias",
    "attention",
    "attention_backward",
    "causal_mask",
    "context",
    "convert_mask",
    "merge",
    "padding_mask",
    "rope",
    "similarity",
    "simple_self_attention",
    "sinusoidal",
    "sliding_window_mask",
    "softmax",
    "softmax_jacobian",
    "softmax_naive",
    "streaming_attention",
    "sum_normalize",
    "tile_walk",
    "trace",
]
