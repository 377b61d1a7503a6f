"""Compare other ways to walk the tiles: `python benchmarks/designs.py [--quick]`.

Each is `streaming_attention` with one of its parts exchanged. As in `attention.py`, all take their
turns, and a number is the median of the ratios to SDPA within a round. A profiler tells what the
time of `streaming_attention` itself is spent on. Prints both, and writes benchmarks/designs.json,
which the chapter on costs shows.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import torch
from attention import DTYPES, HERE, WIDTH, Record, interleaved, machine
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from torch.profiler import ProfilerActivity, profile

from selfattn import streaming

HEADS = 8
Parts = list[tuple[Tensor, Tensor, bool]]
Exchanged = tuple[Any, str, Any]

stream, LOG2_E = streaming._stream, streaming.LOG2_E


def scored(
    q: Tensor, k: Tensor, scale: float, diagonal: bool, products: Tensor, scores: Tensor
) -> Tensor:
    """A tile of scores in base 2, as the library makes it."""
    q, k = q.to(products.dtype), k.to(products.dtype)
    streaming._scores(q, k, scale, diagonal, out=products)
    return scores.resize_(products.shape).copy_(products)


def merged(
    q: Tensor, parts: Parts, scale: float, products: Tensor, scores: Tensor
) -> tuple[Tensor, Tensor]:
    """Give each tile a softmax of its own, and merge in place: the share is a sigmoid."""
    z = scores.new_zeros(*q.shape[:-1], parts[0][1].shape[-1])
    lse = scores.new_full((*q.shape[:-1], 1), -torch.inf)
    for k, v, diagonal in parts:
        tile = scored(q, k, scale / LOG2_E, diagonal, products, scores)
        top = tile.amax(-1, keepdim=True)
        weights = torch.softmax(tile, -1, out=tile)
        new = top - weights.amax(-1, keepdim=True).log()
        z_new = products.copy_(weights) @ v.to(products.dtype)
        z.lerp_(z_new.to(z.dtype), torch.sigmoid(new - lse))
        torch.logaddexp(lse, new, out=lse)
    return z, lse * LOG2_E


def unshifted(
    q: Tensor, parts: Parts, scale: float, products: Tensor, scores: Tensor
) -> tuple[Tensor, Tensor]:
    """Subtract no maximum, which large scores would not forgive."""
    total = z = scores.new_zeros(())
    for k, v, diagonal in parts:
        weights = scored(q, k, scale, diagonal, products, scores).exp2_()
        total = total + weights.sum(-1, keepdim=True)
        z = z + products.copy_(weights) @ v.to(products.dtype)
    return z / total, total.log2()


def widened(
    q: Tensor, parts: Parts, scale: float, products: Tensor, scores: Tensor
) -> tuple[Tensor, Tensor]:
    """Make all products in float32."""
    return stream(q, parts, scale, scores, scores)


# What is exchanged in which module, and options of the call.
DESIGNS: dict[str, tuple[list[Exchanged], dict[str, int]]] = {
    "as it is": ([], {}),
    "a softmax for each tile, merged": ([(streaming, "_stream", merged)], {}),
    "powers of e": ([(streaming, "LOG2_E", 1.0), (Tensor, "exp2_", Tensor.exp_)], {}),
    "no maximum": ([(streaming, "_stream", unshifted)], {}),
    "products in float32": ([(streaming, "_stream", widened)], {}),
    "half a tile": ([(streaming, "TILE", 2**19)], {}),
    "each head alone": ([(streaming, "TILE", 1)], {}),
    "all heads at once": ([(streaming, "TILE", 2**40)], {}),
    "256 queries, 512 keys": ([], {"block_q": 256, "block_k": 512}),
    "512 queries, 512 keys": ([], {"block_q": 512, "block_k": 512}),
    "256 queries, 256 keys": ([], {"block_q": 256, "block_k": 256}),
}


# What torch calls the parts of a tile.
PARTS = {
    "products": ("aten::baddbmm", "aten::bmm"),
    "exponentials": ("aten::exp2_",),
    "largest, subtracted": ("aten::amax", "aten::sub_"),
    "sums": ("aten::sum",),
}


def design(name: str, q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
    """Call the library's function with the parts of a design."""
    exchanged, options = DESIGNS[name]
    with ExitStack() as stack:
        for place, part, other in exchanged:
            stack.enter_context(patch.object(place, part, other))
        return streaming.streaming_attention(q, k, v, causal=causal, **options)


def ratios(inputs: Tensor, causal: bool, budget: float) -> dict[str, float]:
    """The time of each design, relative to SDPA."""
    compared = {name: partial(design, name, *inputs, causal) for name in DESIGNS}
    kernel = partial(scaled_dot_product_attention, *inputs, is_causal=causal)
    times = interleaved({**compared, "SDPA": kernel}, budget)
    return {
        name: round(median(a / b for a, b in zip(times[name], times["SDPA"], strict=True)), 3)
        for name in DESIGNS
    }


def shares(inputs: Tensor, causal: bool) -> dict[str, float]:
    """The parts of the time that the profiler sees, and what is left of it."""
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        for _ in range(5):
            design("as it is", *inputs, causal)
    spent = {event.key: event.self_cpu_time_total for event in profiled.key_averages()}
    total = sum(spent.values())
    found = {name: sum(spent.get(key, 0) for key in keys) / total for name, keys in PARTS.items()}
    found["all else"] = 1 - sum(found.values())
    return {name: round(share, 3) for name, share in found.items()}


def measure(T: int, budget: float) -> Record:
    """Run everything."""
    results = []
    for dtype, causal in product(DTYPES, (False, True)):
        inputs = torch.randn(3, 1, HEADS, T, WIDTH, dtype=dtype)
        case = {"T": T, "H": HEADS, "causal": causal, "dtype": str(dtype).removeprefix("torch.")}
        parts = {"ratios": ratios(inputs, causal, budget), "shares": shares(inputs, causal)}
        results.append({**case, **parts})
    return {**machine("cpu"), "results": results}


def table(found: Record) -> Iterator[str]:
    """Everything that was measured, as text."""
    results: Any = found["results"]
    yield " ".join(f"{name} {found[name]};" for name in ("device", "threads", "torch", "date"))
    for part, form in (("ratios", "{:16.2f}"), ("shares", "{:16.0%}")):
        cases = (f"{r['dtype']} {'causal' if r['causal'] else 'full'}" for r in results)
        yield f"{part:35}" + "".join(f"{case:>16}" for case in cases)
        for name in results[0][part]:
            yield f"{name:35}" + "".join(form.format(r[part][name]) for r in results)


def main() -> None:
    """Read the options, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only short sequences")
    parser.add_argument("--budget", type=float, default=20.0, help="seconds for each case")
    parser.add_argument("--out", type=Path, default=HERE, help="the folder of the file")
    options = parser.parse_args()
    torch.manual_seed(0)
    found = measure(*((64, 0.02) if options.quick else (2048, options.budget)))
    print("\n".join(table(found)))
    options.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found, indent=1)
    (options.out / "designs.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
