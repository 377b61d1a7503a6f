"""Each page's notebook runs in Jupyter without an error and gives the outputs of the page."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
from mkdocs.utils.meta import get_data
from nbclient import NotebookClient

from literate.checker import STACK, matches
from literate.config import Config
from literate.examples import Example
from literate.notebook import has_notebook, notebook
from literate.workers import Workers

ROOT = Path(__file__).parent.parent
CONFIG = Config.find(ROOT)
# What Jupyter gives as `NotebookNode` and the site as `dict`.
Node = Any
Executed = tuple[dict[int, Example], Node, Node]


def pages() -> Iterator[Path]:
    """All pages of the site that have a notebook."""
    for file in sorted((ROOT / "docs").rglob("*.md")):
        if has_notebook(CONFIG.parse(file), get_data(CONFIG.read(file))[1]):
            yield file


PAGES = {file.relative_to(ROOT / "docs").as_posix(): file for file in pages()}


@pytest.fixture(scope="module")
def executed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Future[Executed]]]:
    """The notebooks of the pages that are to be tested, executed two at a time."""
    items = [item for item in request.session.items if item.path == request.path]
    names = [item.callspec.params["name"] for item in items]  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        # Jupyter as it is installed, without what its user has set.
        for variable in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"):
            patch.setenv(variable, str(tmp_path_factory.mktemp(variable)))
        # Coverage would be measured in the kernels too, and be cut off where they end.
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        workers = Workers(CONFIG)
        yield {name: pool.submit(execute, PAGES[name], workers) for name in names}
        pool.shutdown(cancel_futures=True)
        workers.close()


def execute(file: Path, workers: Workers) -> Executed:
    """A page's examples by their lines, its notebook as it is made, and as Jupyter leaves it."""
    document = CONFIG.parse(file)
    report = workers.run(document)
    assert report.failures == []
    made = notebook(CONFIG.read(file), report, setup=CONFIG.setup)
    nbformat.validate(made, version=4, version_minor=5)
    done = nbformat.from_dict(made)
    resources = {"metadata": {"path": str(ROOT)}}
    client = NotebookClient(done, timeout=60, kernel_name="python3", resources=resources)
    asyncio.run(client.async_execute())
    return {example.line: example for _, example in document.live}, made, done


def shown(cell: Node) -> str:
    """The outputs of a cell, as a transcript has them."""
    return "".join(map(_shown, cell["outputs"]))


def _shown(output: Node) -> str:
    if output["output_type"] == "stream":
        return str(output["text"])
    if output["output_type"] == "error":
        return f"{STACK}{output['ename']}: {output['evalue']}\n"
    return f"{output['data']['text/plain']}\n"


def kinds(cell: Node) -> set[str]:
    """What kinds of output a cell has, apart from the image that Jupyter does not make."""
    outputs = cell["outputs"]
    types = {each["output_type"] for each in outputs}
    return types.union(*(each.get("data", ()) for each in outputs)) - {"text/html"}


def code(made: Node) -> list[Node]:
    """The cells of code."""
    return [cell for cell in made["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize("name", PAGES)
def test_jupyter_gives_the_outputs_of_the_page(
    name: str, executed: Mapping[str, Future[Executed]]
) -> None:
    examples, made, done = executed[name].result()
    _, *cells = zip(code(made), code(done), strict=True)
    assert cells
    for ours, theirs in cells:
        example = replace(examples[int(ours["id"].removeprefix("line-"))], want=shown(ours))
        measured = "measured" in ours["metadata"].get("tags", ())
        assert matches(example, shown(theirs), measured=measured), (example, shown(theirs))
        assert kinds(ours) == kinds(theirs)
