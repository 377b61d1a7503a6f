"""Compare ways to compute attention: `python benchmarks/attention.py [--quick] [--device cuda]`.

All ways of one case are run in turn, round after round, so that what slows the machine slows all of
them; a ratio is the median of the ratios within a round. The same run measures the machine's matrix
product, the memory of each way in a fresh process, its error against float64, and a decoding step.
Prints tables and writes benchmarks/attention.json and benchmarks/attention.svg, which the chapter
on costs shows.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from selfattn import KVCache, MultiHeadAttention, attention, streaming_attention
from selfattn.figures import lines

HERE = Path(__file__).parent
WIDTH = 64
LENGTHS = (6, 64, 512, 2048, 8192, 16384)
DTYPES = (torch.float32, torch.bfloat16)
# More than this many scores take the plain form minutes and all of the memory.
MOST_SCORES = 3e8
MOST_LOOPS = 4096
# Between the quartiles of the rounds' ratios; more means that something else was running.
SPREAD = 1.4
# torch's module asks for a mask, also where it needs none.
MOST_MASKED = 8192
STEPS = 32

Task = Callable[[], object]
Record = dict[str, object]


def loop(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention as the first chapter begins it: a dot product for each pair of words."""
    scores = torch.empty(q.shape[-2], k.shape[-2], dtype=q.dtype)
    for i, query in enumerate(q[0, 0]):
        for j, key in enumerate(k[0, 0]):
            scores[i, j] = torch.dot(query, key)
    return (scores * WIDTH**-0.5).softmax(-1) @ v[0, 0]


def tasks(T: int, H: int, causal: bool, dtype: torch.dtype, device: str) -> dict[str, Task]:
    """Each way that can compute a case, as a call without arguments."""
    q, k, v = torch.randn(3, 1, H, T, WIDTH, dtype=dtype, device=device)
    found: dict[str, Task] = {
        "SDPA": partial(scaled_dot_product_attention, q, k, v, is_causal=causal),
        "streaming": partial(streaming_attention, q, k, v, causal=causal),
    }
    if T <= MOST_MASKED:
        found["MultiheadAttention"] = multihead(T, H, causal, dtype, device)
    if H * T * T <= MOST_SCORES:
        # With its weights asked for, it cannot hand the work to SDPA.
        found["plain"] = partial(attention, q, k, v, causal=causal, return_weights=True)
    if H == 1 and not causal and dtype == torch.float32 and T * T <= MOST_LOOPS:
        found["loop"] = partial(loop, q, k, v)
    return found


def multihead(T: int, H: int, causal: bool, dtype: torch.dtype, device: str) -> Task:
    """torch's module on tokens of the same width, which projects before it attends."""
    layer = nn.MultiheadAttention(H * WIDTH, H, batch_first=True, dtype=dtype, device=device)
    x = torch.randn(1, T, H * WIDTH, dtype=dtype, device=device)
    mask = nn.Transformer.generate_square_subsequent_mask(T, device, dtype) if causal else None
    layer.requires_grad_(False)
    return partial(layer, x, x, x, need_weights=False, attn_mask=mask, is_causal=causal)


def seconds(task: Task) -> float:
    """The time of one call; a GPU has finished when it is over."""
    start = perf_counter()
    task()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return perf_counter() - start


def interleaved(compared: dict[str, Task], budget: float) -> dict[str, list[float]]:
    """The times of some tasks, run in turn for about as many seconds as there are to spend."""
    round_time = sum(seconds(task) for task in compared.values())
    rounds = max(2, min(100, round(budget / round_time)))
    times: dict[str, list[float]] = {name: [] for name in compared}
    for _ in range(rounds):
        for name, task in compared.items():
            times[name].append(seconds(task))
    return times


def case(
    T: int, H: int, causal: bool, dtype: torch.dtype, device: str, budget: float
) -> Iterator[Record]:
    """Measure all ways of one case."""
    times = interleaved(tasks(T, H, causal, dtype, device), budget)
    operations = 4 * H * T**2 * WIDTH / (2 if causal else 1)
    for name, found in times.items():
        ratios = [a / b for a, b in zip(found, times["SDPA"], strict=True)]
        low, _, high = quantiles(ratios, n=4, method="inclusive")
        yield {
            "T": T,
            "H": H,
            "causal": causal,
            "dtype": str(dtype).removeprefix("torch."),
            "method": name,
            "milliseconds": 1e3 * median(found),
            "ratio": median(ratios),
            "quartiles": [low, high],
            "gflops": operations / median(found) / 1e9,
            "rounds": len(found),
        }


def peak(dtype: torch.dtype, device: str) -> float:
    """The machine's best matrix product, in billions of operations a second."""
    a = torch.randn(2048, 2048, dtype=dtype, device=device)
    return 2 * 2048**3 / min(seconds(lambda: a @ a) for _ in range(8)) / 1e9


def error(H: int, T: int, causal: bool) -> dict[str, float]:
    """The largest error of each way against float64."""
    q, k, v = torch.randn(3, 1, H, T, WIDTH)
    exact = attention(q.double(), k.double(), v.double(), causal=causal)
    ways = {
        "plain": attention(q, k, v, causal=causal, return_weights=True)[0],
        "streaming": streaming_attention(q, k, v, causal=causal),
        "SDPA": scaled_dot_product_attention(q, k, v, is_causal=causal),
    }
    return {name: float((z - exact).abs().max()) for name, z in ways.items()}


def decoding(device: str, budget: float, S: int = 2048, d: int = 512) -> Record:
    """A step with a cache of S - 1 tokens, and all S tokens anew."""
    layer = MultiHeadAttention(d, d, num_heads=8, causal=True).requires_grad_(False).to(device)
    tokens = torch.randn(1, S, d, device=device)
    cache = KVCache(1, 8, capacity=S, head_dim=d // 8, device=device)
    layer(tokens[:, :-1], cache=cache)

    def steps() -> None:
        # A step follows a step. One alone would find the processor's caches full of other things.
        for _ in range(STEPS):
            cache.length = S - 1
            layer(tokens[:, -1:], cache=cache)

    times = interleaved({"recompute": lambda: layer(tokens), "step": steps}, budget)
    both = {name: 1e3 * median(found) for name, found in times.items()}
    both["step"] /= STEPS
    return {"context": S, "width": d, **both, "ratio": both["recompute"] / both["step"]}


def status(name: str) -> int:
    """A line of the process's own memory account, in bytes."""
    text = Path("/proc/self/status").read_text("utf-8")
    return 1024 * int(text.partition(f"{name}:")[2].split()[0])


def memory(way: str, T: int, H: int, causal: bool, dtype: torch.dtype, device: str) -> int:
    """The most memory, over its inputs and its output, that a way takes in this process."""
    tasks(64, H, causal, dtype, device)[way]()
    task = tasks(T, H, causal, dtype, device)[way]
    output = H * T * WIDTH * dtype.itemsize
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        task()
        return torch.cuda.max_memory_allocated() - before - output
    Path("/proc/self/clear_refs").write_text("5", "utf-8")  # forget the peak so far
    before = status("VmRSS")
    task()
    return status("VmHWM") - before - output


def memories(lengths: list[int], device: str) -> Iterator[Record]:
    """The memory of each way in a process of its own; on a CPU only Linux tells."""
    if device == "cpu" and not Path("/proc/self/clear_refs").exists():
        return
    for dtype, T, way in product(DTYPES, lengths, ("plain", "streaming", "SDPA")):
        if way == "plain" and 8 * T * T > MOST_SCORES:
            continue
        name = str(dtype).removeprefix("torch.")
        command = [sys.executable, __file__, "--memory", way, str(T), name, "--device", device]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        yield {"method": way, "T": T, "H": 8, "dtype": name, "bytes": int(done.stdout)}


def machine(device: str) -> Record:
    """What the numbers were measured on."""
    info = Path("/proc/cpuinfo")
    models = [line for line in info.read_text("utf-8").splitlines() if "model name" in line]
    model = models[0].partition(":")[2].strip() if models else platform.processor()
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else model,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.system(),
        "date": date.today().isoformat(),
    }


def measure(lengths: list[int], device: str, budget: float) -> Record:
    """Run everything."""
    results, peaks = [], {str(dtype).removeprefix("torch."): [0.0] for dtype in DTYPES}
    for dtype, H, T, causal in product(DTYPES, (1, 8), lengths, (False, True)):
        # Before each case, since the rate of a machine changes while it runs.
        peaks[str(dtype).removeprefix("torch.")].append(peak(dtype, device))
        results += list(case(T, H, causal, dtype, device, budget))
        print(".", end="", flush=True, file=sys.stderr)
    largest = [T for T in lengths if T >= 2048] or lengths[-1:]
    return {
        **machine(device),
        "peak_gflops": {name: max(found) for name, found in peaks.items()},
        "results": results,
        "memory": list(memories(largest, device)),
        "error": {str(causal): error(8, largest[0], causal) for causal in (False, True)},
        "decoding": decoding(device, budget, S=largest[0]),
    }


def disturbed(found: Record) -> list[tuple[object, ...]]:
    """The cases in which some ratio differs too much between the rounds to be a measurement."""
    cases: dict[tuple[object, ...], bool] = {}
    for r in found["results"]:  # type: ignore[attr-defined]
        low, high = r["quartiles"]
        wide = high > SPREAD * low
        key = r["dtype"], r["H"], r["T"], r["causal"]
        cases[key] = cases.get(key, False) or wide
    return [case for case, wide in cases.items() if wide]


def again(found: Record, device: str, budget: float) -> None:
    """Measure the disturbed cases of a record anew."""
    for dtype, H, T, causal in disturbed(found):
        named = {"dtype": dtype, "H": H, "T": T, "causal": causal}
        results: list[Record] = found["results"]  # type: ignore[assignment]
        is_old = [named.items() <= r.items() for r in results]
        place = is_old.index(True)
        rest = [r for r, old in zip(results, is_old, strict=True) if not old]
        new = case(T, H, causal, getattr(torch, dtype), device, budget)  # type: ignore[arg-type]
        found["results"] = [*rest[:place], *new, *rest[place:]]
        print(named, file=sys.stderr)


def table(found: Record) -> Iterator[str]:
    """Everything that was measured, as text."""
    yield " ".join(f"{name} {found[name]};" for name in ("device", "threads", "torch", "date"))
    yield f"matrix product, GFLOP/s: {found['peak_gflops']}"
    yield "dtype     H causal      T  method                     ms  to SDPA  quartiles; of peak"
    for r in found["results"]:  # type: ignore[attr-defined]
        low, high = r["quartiles"]
        share = r["gflops"] / found["peak_gflops"][r["dtype"]]  # type: ignore[index]
        yield (
            f"{r['dtype']:9}{r['H']:>2} {r['causal']!s:7}{r['T']:>6}  {r['method']:19}"
            f"{r['milliseconds']:>10.3f} {r['ratio']:>8.2f}  {low:.2f}-{high:.2f}  {share:4.0%}"
        )
    for m in found["memory"]:  # type: ignore[attr-defined]
        yield f"memory {m['dtype']:9}{m['T']:>6}  {m['method']:10}{m['bytes'] / 1e6:>9.1f} MB"
    yield f"largest error against float64 (by causal): {found['error']}"
    yield f"decoding: {found['decoding']}"


def curves(found: Record) -> str:
    """The ratios to SDPA of eight causal heads in float32, as SVG."""
    chosen = [
        r
        for r in found["results"]  # type: ignore[attr-defined]
        if (r["H"], r["causal"], r["dtype"]) == (8, True, "float32")
    ]
    lengths = sorted({r["T"] for r in chosen})
    ratios = {name: [r["ratio"] for r in chosen if r["method"] == name] for name in ("streaming",)}
    series = {"SDPA": [1.0] * len(lengths), **ratios}
    return lines(
        torch.tensor(lengths),
        {name: torch.tensor(values) for name, values in series.items()},
        title="Time of eight causal heads, relative to SDPA",
        x_label="tokens",
        y_label="times SDPA",
        log_x=True,
    ).svg


def main() -> None:
    """Read the arguments, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--quick", action="store_true", help="only short sequences")
    parser.add_argument("--again", action="store_true", help="only cases that were disturbed")
    parser.add_argument("--budget", type=float, default=2.0, help="seconds for each case")
    parser.add_argument("--out", type=Path, default=HERE, help="the folder of the two files")
    parser.add_argument("--memory", nargs=3, metavar=("WAY", "T", "DTYPE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.manual_seed(0)
    if options.memory:
        way, T, dtype = options.memory
        print(memory(way, int(T), 8, False, getattr(torch, dtype), options.device))
        return
    lengths = [T for T in LENGTHS if not options.quick or T <= 64]
    if options.again:
        found = json.loads((options.out / "attention.json").read_text("utf-8"))
        again(found, options.device, options.budget)
    else:
        found = measure(lengths, options.device, 0.02 if options.quick else options.budget)
    print("\n".join(table(found)))
    text = json.dumps(found, indent=1)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "attention.json").write_text(text + "\n", "utf-8")
    (options.out / "attention.svg").write_text(curves(found) + "\n", "utf-8")


if __name__ == "__main__":
    main()
