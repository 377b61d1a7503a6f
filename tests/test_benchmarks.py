"""The benchmarks run and write what the pages read; what they measure is not judged."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import attention
import designs
import pytest
import torch


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run a benchmark as from the command line, and give what it wrote and printed."""

    def run(module):
        monkeypatch.setattr(module, "DTYPES", (torch.float32,))
        monkeypatch.setattr(sys, "argv", ["benchmark", "--quick", "--out", str(tmp_path)])
        with torch.random.fork_rng():
            module.main()
        name = f"{module.__name__}.json"
        return json.loads((tmp_path / name).read_text("utf-8")), capsys.readouterr().out

    return run


def test_the_quick_comparison_writes_what_the_chapter_shows(written, tmp_path):
    found, printed = written(attention)
    assert {"device", "threads", "torch", "python", "date"} <= found.keys()
    cases = {(r["T"], r["H"], r["causal"], r["method"]) for r in found["results"]}
    assert {(6, 1, False, "loop"), (64, 8, True, "plain"), (64, 8, True, "SDPA")} <= cases
    for r in found["results"]:
        low, high = r["quartiles"]
        assert 0 < low <= r["ratio"] <= high < math.inf
    assert {r["method"] for r in found["memory"]} <= {"plain", "streaming", "SDPA"}
    assert found["decoding"].keys() >= {"context", "recompute", "step", "ratio"}
    assert printed.count("streaming") >= 8
    assert (tmp_path / "attention.svg").read_text("utf-8").startswith("<svg")


def test_the_quick_comparison_of_designs_writes_what_the_chapter_shows(written):
    found, printed = written(designs)
    for r in found["results"]:
        assert r["ratios"].keys() == designs.DESIGNS.keys()
        assert sum(r["shares"].values()) == pytest.approx(1, abs=0.01)
    assert all(name in printed for name in designs.DESIGNS)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("name", designs.DESIGNS)
def test_a_design_computes_attention(name, causal):
    generator = torch.Generator().manual_seed(0)
    q, k, v = torch.randn(3, 3, 700, 16, generator=generator)
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
    torch.testing.assert_close(designs.design(name, q, k, v, causal), expected)
