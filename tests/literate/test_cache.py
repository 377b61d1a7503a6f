from __future__ import annotations

import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from literate import cache as module
from literate import transcript
from literate.__main__ import main
from literate.build import Build
from literate.cache import Cache, derived, machine, measures
from literate.config import Config
from literate.examples import Document
from literate.fences import parse_page
from literate.figures import Figure
from literate.reads import digest
from literate.report import Report, judge
from literate.runner import Outcome
from literate.transcript import block_html

if TYPE_CHECKING:
    from .conftest import Project

PAGE = """# T

```pycon exec="1"
>>> x = 1
>>> x + 1
2
```

Twice: `={2 * x} 2`.
"""
OUTCOMES = [Outcome(""), Outcome("2\n", echo="2\n"), Outcome("2\n")]


def document(text: str = PAGE) -> Document:
    return parse_page(text, "docs/page.md")


def known(cache: Cache, page: Document | None = None) -> bool:
    """Whether a page would not be run now."""
    cache.begin()
    return cache.load(page or document()) is not None


@pytest.fixture
def cache(project: Project) -> Cache:
    """A cache that holds what the page above did."""
    found = Cache(project.config)
    page = document()
    found.store(found.key(page), judge(page, OUTCOMES, seconds=1.5))
    assert known(found)
    return found


def test_report_comes_back_as_it_was(project: Project) -> None:
    traceback = "Traceback (most recent call last):\n    ...\nKeyError: 1\n"
    page = document(f'```pycon exec="1"\n>>> a\n>>> b\n{traceback}>>> c\n3\n```\n')
    figure = Figure("<b>é\ud800\0</b>", "F\n", "<svg><title>é</title></svg>")
    outcomes = [
        Outcome("é\n\x1b[1m\u2028\nF\n", figures=(figure, figure), echo="F\n"),
        Outcome(traceback, "whole", echo=""),
        Outcome("4\n", echo="4\n"),
    ]
    report = replace(judge(page, outcomes, seconds=0.1 + 0.2), reads={"/none": ""})
    cache = Cache(project.config)
    cache.store(cache.key(page), report)
    assert Cache(project.config).load(page) == replace(report, reused=True)
    assert [failure.line for failure in report.failures] == [2, 7]


def test_comparison_is_done_again(cache: Cache) -> None:
    for recorded, message in (("2", None), ("3", "the recorded output is not the live output")):
        cache.begin()
        report = cache.load(document(PAGE.replace("x + 1\n2", f"x + 1\n{recorded}")))
        assert report is not None
        assert [failure.message for failure in report.failures] == [message] * bool(message)


def test_prose_captions_and_lines_do_not_matter(cache: Cache) -> None:
    page = document("More\nprose.\n\n" + PAGE.replace("```\n", "```\n\nProse.\n"))
    assert known(cache, page)
    assert known(cache, document(PAGE.replace('exec="1"', 'exec="1" title="A caption"')))
    assert known(cache, document(PAGE.replace('exec="1"', 'exec="1" hide="1"')))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x = 1", "x = 2"),
        ("x = 1", "x = 1 "),
        (">>> x = 1\n>>> x + 1\n2\n", ">>> x + 1\n2\n>>> x = 1\n"),
        (">>> x + 1\n2\n", ">>> x + 1\n2\n>>> x\n1\n"),
        ("`={2 * x} 2`", "text"),
        ("`={2 * x} 2`", "`={2 * x:.1f} 2.0`"),
        ('exec="1"', 'exec="1" skip="slow"'),
    ],
)
def test_statements_and_their_order_matter(old: str, new: str, cache: Cache) -> None:
    assert old in PAGE
    assert not known(cache, document(PAGE.replace(old, new)))


def test_file_and_module_of_the_examples_matter(cache: Cache) -> None:
    page = document()
    assert not known(cache, replace(page, path="docs/other.md"))
    (script,) = page.scripts
    assert not known(cache, replace(page, scripts=(replace(script, module="toy"),)))
    split = tuple(replace(script, blocks=(block,)) for block in script.blocks)
    assert not known(cache, replace(page, scripts=split))


@pytest.mark.parametrize("setting", [{"setup": "import toy"}, {"preload": ("toy",)}])
def test_set_up_and_preloaded_modules_matter(setting: dict[str, object], cache: Cache) -> None:
    assert not known(Cache(replace(cache.config, **setting)))
    assert known(Cache(replace(cache.config, timeout=1.0)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("toy/__init__.py", '"""A package."""\n\nANSWER = 43\n'),
        ("toy/new.py", ""),
        ("toy/data.json", "{}"),
        ("toy/deep/er.py", ""),
    ],
)
def test_sources_of_the_packages_matter(
    name: str, text: str, cache: Cache, project: Project
) -> None:
    project.write(name, text)
    assert not known(cache)


def test_edit_that_is_taken_back_needs_no_run(cache: Cache, project: Project) -> None:
    source = project.read("toy/__init__.py")
    project.write("toy/__init__.py", source + "\n")
    assert not known(cache)
    project.write("toy/__init__.py", source)
    assert known(cache)


def test_bytecode_and_files_elsewhere_do_not_matter(cache: Cache, project: Project) -> None:
    project.write("toy/__pycache__/x.pyc", "")
    project.write("other/__init__.py", "")
    assert known(cache)


def test_folder_of_the_project_matters(cache: Cache, tmp_path: Path) -> None:
    shutil.copytree(cache.config.root, tmp_path / "moved")
    moved = Cache(Config.find(tmp_path / "moved"))
    assert moved.folder.is_dir()
    assert not known(moved)


@pytest.fixture
def fresh_facts() -> Iterator[Callable[[], None]]:
    """Let this process learn anew what it runs on, as another process would."""

    def forget() -> None:
        module._installation.cache_clear()
        module._processor.cache_clear()
        module._own.cache_clear()

    yield forget
    forget()


def test_installed_packages_matter(
    cache: Cache,
    tmp_path: Path,
    fresh_facts: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "torch-2.6.0.dist-info").mkdir()
    record = tmp_path / "torch-2.6.0.dist-info/RECORD"
    record.touch()
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    fresh_facts()
    assert not known(cache)
    page = document()
    cache.store(cache.key(page), judge(page, OUTCOMES))
    assert known(cache)
    os.utime(record, (1, 1))  # the same version, installed again
    fresh_facts()
    assert not known(cache)


@pytest.mark.parametrize("name", ["version", "executable"])
def test_python_matters(
    name: str, cache: Cache, fresh_facts: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, name, "another")
    fresh_facts()
    assert not known(cache)


@pytest.mark.parametrize(
    "name",
    ["ATEN_CPU_CAPABILITY", "OMP_NUM_THREADS", "MKL_CBWR", "PYTHONHASHSEED", "LC_ALL", "TZ"],
)
def test_variables_of_libraries_matter(
    name: str, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "something else")
    assert not known(cache)
    monkeypatch.undo()
    monkeypatch.setenv("UNRELATED", "x")
    assert known(cache)


def test_threads_matter(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    if hasattr(os, "sched_getaffinity"):
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: range(77))
    else:
        monkeypatch.setattr(os, "cpu_count", lambda: 77)
    assert 77 in machine()
    assert not known(cache)


def test_threads_where_no_affinity_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 78)
    assert 78 in machine()


def test_system_matters(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "platform", lambda: "Another-1.0")
    assert not known(cache)


def test_processor_matters(
    cache: Cache, fresh_facts: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "processor: 0\nmodel name: A\ncpu MHz: {}\nflags: {}\n\nprocessor: 1\n"
    found = []
    for megahertz, flags in ((1, "avx2"), (2, "avx2"), (2, "avx2 avx512f")):
        filled = text.format(megahertz, flags)
        monkeypatch.setattr(Path, "read_text", lambda *_, filled=filled: filled)
        fresh_facts()
        found.append(machine())
    assert found[0] == found[1] != found[2]
    monkeypatch.undo()
    monkeypatch.setattr(module, "_processor", lambda: ["another"])
    assert not known(cache)


def test_processor_of_a_system_without_proc(
    fresh_facts: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_file(*_: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", no_file)
    monkeypatch.setattr(platform, "processor", lambda: "arm")
    fresh_facts()
    assert [platform.machine(), "arm"] in machine()


def test_form_of_the_entries_matters(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FORMAT", -1)
    assert not known(cache)


def stored(project: Project, page: Document, report: Report, *, session: bool = False) -> bool:
    """Whether a report is kept for another process, or for this one."""
    cache = Cache(project.config)
    cache.session = session
    cache.store(cache.key(page), report)
    return known(cache, page)


def test_own_modules_matter(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_own", lambda: ["of another version"])
    assert not known(cache)


def test_transcripts_of_a_page_are_kept(cache: Cache) -> None:
    page = document(PAGE.replace("# T", "# Another title"))
    found = cache.load(page)
    assert found is not None
    assert list(found.transcripts) == [">>> x = 1\n", ">>> x + 1\n2\n"]
    block, _ = page.blocks
    shown = block_html(block, found, "example-1")
    assert shown == block_html(block, judge(page, OUTCOMES), "example-1")
    other = replace(found, transcripts={">>> x = 1\n": "<b>kept</b>"})
    assert "<code><b>kept</b><span" in block_html(block, other, "example-1")


def test_what_was_read_matters(project: Project) -> None:
    file = project.write("data.txt", "1")
    reads = {str(file): digest(file), str(project.root / "none"): ""}
    report = replace(judge(document(), OUTCOMES), reads=reads)
    cache = Cache(project.config)
    cache.store(cache.key(document()), report)
    assert known(cache)
    project.write("data.txt", "2")
    assert not known(cache)
    project.write("data.txt", "1")
    assert known(cache)
    project.write("none", "")
    assert not known(cache)


def test_edit_during_a_run_leaves_open_what_was_run(project: Project) -> None:
    cache, file = Cache(project.config), project.write("data.txt", "1")
    key = cache.key(document())
    report = replace(judge(document(), OUTCOMES), reads={str(file): digest(file)})
    project.write("data.txt", "2")
    cache.store(key, report)
    project.write("data.txt", "1")
    assert not known(cache)
    project.write("toy/__init__.py", "ANSWER = 43\n")
    cache.store(key, report)
    cache.begin()
    assert not cache.folder.exists()


@pytest.mark.parametrize(
    "outcomes",
    [OUTCOMES[:2], [], [OUTCOMES[0], Outcome("2\n", "whole traceback"), OUTCOMES[2]]],
    ids=["crashed", "did not start", "raised"],
)
def test_run_that_did_not_go_well_is_not_kept(outcomes: list[Outcome], project: Project) -> None:
    assert not stored(project, document(), judge(document(), outcomes, ended="crashed"))


def test_run_with_other_output_than_recorded_is_kept(project: Project) -> None:
    report = judge(document(), [*OUTCOMES[:2], Outcome("9\n")])
    assert len(report.failures) == 1
    assert stored(project, document(), report)


def test_run_with_effects_is_not_kept(project: Project) -> None:
    report = replace(judge(document(), OUTCOMES), effect="it writes")
    assert not stored(project, document(), report)
    assert not stored(project, document(), report, session=True)


MEASURED = '```pycon exec="1" measured="1"\n>>> x\n1 ms\n```\n'


def test_measured_page_is_kept_for_the_builds_of_one_server_only(project: Project) -> None:
    page = document(MEASURED)
    report = judge(page, [Outcome("2 ms\n")])
    assert not stored(project, page, report)
    assert stored(project, page, report, session=True)
    assert not known(Cache(project.config), page)
    cache = Cache(project.config)
    cache.session = True
    cache.store(cache.key(page), report)
    project.write("toy/__init__.py", "ANSWER = 43\n")
    assert not known(cache, page)


def test_transcripts_of_a_measured_page_are_used_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, made = document(f"{MEASURED}\n{PAGE}"), []
    cache = Cache(project.config)
    first = cache.store(cache.key(page), judge(page, [Outcome("2 ms\n"), *OUTCOMES])).transcripts
    monkeypatch.setattr(transcript, "_highlighted", lambda text: made.append(text) or "new")
    report = judge(page, [Outcome("3 ms\n"), *OUTCOMES])
    second = Cache(project.config).store(cache.key(page), report).transcripts
    assert made == [">>> x\n3 ms\n"]
    assert second == {made[0]: "new"} | {text: first[text] for text in [*first][1:]}


@pytest.mark.parametrize(
    ("text", "time"),
    [
        (MEASURED, True),
        ("`~{x} 1`\n", False),
        ("`~{x} 1`\n\n" + MEASURED, True),
        ('```pycon exec="1"\n>>> from time import perf_counter\n```\n`~{x} 1`\n', True),
        ('```pycon exec="1"\n>>> import timeit\n```\n`={x} 1`\n', False),
        ('```pycon exec="1"\n>>> times = timely = 1\n```\n`~{x} 1`\n', False),
        ("`~{datetime.now():%H} 1`\n", True),
        ('```pycon exec="1" measured="1" skip="slow"\n>>> x\n```\n', False),
        ("Text\n", False),
    ],
)
def test_page_measures_time_if_it_says_so(text: str, time: bool) -> None:
    page = document(text)
    assert page.problems == ()
    assert measures(page) is time


def entry(cache: Cache) -> Path:
    (file,) = cache.folder.glob("[!.]*")
    return file


def test_damaged_entry_is_none(cache: Cache) -> None:
    file, page = entry(cache), document()
    whole = file.read_bytes()
    text = whole[65:]
    for damaged in (
        *(whole[:length] for length in (0, 1, 64, 65, 66, len(whole) // 2, len(whole) - 1)),
        whole + b" ",
        whole.replace(b"2", b"3"),
        bytes(len(whole)),
        whole[:64].upper() + b"\n" + text,
        text,
        b"null",
    ):
        file.write_bytes(damaged)
        assert not known(cache)
        cache.store(cache.key(page), judge(page, OUTCOMES, seconds=1.5))
        assert file.read_bytes() == whole
    file.unlink()
    file.mkdir()
    assert not known(cache)
    cache.store(cache.key(page), judge(page, OUTCOMES))  # which cannot replace a folder
    assert not known(cache)


def test_entry_is_text_that_anyone_can_read(cache: Cache) -> None:
    content = json.loads(entry(cache).read_bytes().partition(b"\n")[2])
    assert content["outcomes"][1] == {"got": "2\n", "traceback": "", "figures": [], "echo": "2\n"}
    assert (cache.folder / ".gitignore").read_text() == "*\n"


def test_builds_at_the_same_time_do_not_disturb_each_other(project: Project) -> None:
    page = document()
    report = judge(page, [OUTCOMES[0], Outcome("2\n" * 100_000), OUTCOMES[2]], seconds=1.5)
    wanted = replace(report, reused=True)

    def build(number: int) -> list[Report | None]:
        cache, found = Cache(project.config), []
        for round_ in range(8):
            cache.store(cache.key(page), report)
            found.append(cache.load(page))
            if (number + round_) % 4 == 0:
                cache.prune(limit=0)
        return found

    with ThreadPoolExecutor(8) as pool:
        found = [report for reports in pool.map(build, range(8)) for report in reports]
    assert all(each in (None, wanted) for each in found)
    assert wanted in found
    left = [file.suffix for file in Cache(project.config).folder.glob("[!.]*")]
    assert left in ([], [""])


def test_what_was_not_used_for_longest_is_dropped(project: Project) -> None:
    cache = Cache(project.config)
    pages = [document(PAGE.replace("x = 1", f"x = {number}")) for number in range(4)]
    for number, page in enumerate(pages):
        cache.store(cache.key(page), judge(page, OUTCOMES))
        os.utime(cache.folder / cache.key(page), (number, number))
    (cache.folder / "half.new").write_text("left by a build that was killed")
    os.utime(cache.folder / "half.new", (0, 0))
    assert known(cache, pages[0])  # used just now
    size = (cache.folder / cache.key(pages[0])).stat().st_size
    cache.prune(limit=2 * size)
    assert [known(cache, page) for page in pages] == [True, False, False, True]
    assert not (cache.folder / "half.new").exists()
    cache.prune(limit=0)  # nothing was added
    assert known(cache, pages[3])


def test_clean_forgets_everything(
    cache: Cache, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root / "toy")
    project.write(".cache/other", "")
    assert main(["clean"]) == 0
    assert not known(cache)
    assert os.listdir(project.root / ".cache") == ["other"]
    assert main(["clean"]) == 0


def test_folder_that_cannot_be_written_is_no_matter(project: Project) -> None:
    project.write(".cache", "a file")
    assert not stored(project, document(), judge(document(), OUTCOMES))


def test_what_is_derived_is_made_once(
    cache: Cache,
    tmp_path: Path,
    fresh_facts: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = []

    def make(facts: object) -> bytes:
        made.append(facts)
        return f"{facts}\n".encode()

    def get(facts: object) -> bytes:
        return Cache(cache.config).derived(facts, lambda: make(facts))

    assert [get("a"), get("a"), get(["b"])] == [b"a\n", b"a\n", b"['b']\n"]
    assert made == ["a", ["b"]]
    (tmp_path / "fonts-2.dist-info").mkdir()
    (tmp_path / "fonts-2.dist-info/RECORD").touch()
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    fresh_facts()
    assert get("a") == b"a\n"
    assert made == ["a", ["b"], "a"]
    fresh_facts()
    monkeypatch.setattr(module, "digest", lambda file: "edited")
    assert get("a") == b"a\n"
    assert made == ["a", ["b"], "a", "a"]
    assert derived(None, "d", lambda: make("d")) == b"d\n"
    assert derived(None, "d", lambda: make("d")) == b"d\n"
    assert made[-2:] == ["d", "d"]
    cache.clean()
    (cache.config.root / ".cache").rmdir()
    (cache.config.root / ".cache").touch()
    assert get("c") == b"c\n"


SITE = {
    "docs/index.md": PAGE.replace("x = 1", "import toy; x = toy.ANSWER - 41"),
    "docs/figure.md": """# F

```pycon exec="1"
>>> class F:
...     def _repr_svg_(self): return '<svg><title id="a">é</title></svg>'
...     def __repr__(self): return "F()"
>>> {}[1]
Traceback (most recent call last):
    ...
KeyError: 1
>>> F()
F()
```

A caption.
{: .caption }
""",
    "docs/reads.md": """```pycon exec="1"
>>> open("data.txt").read()
'1'
```
""",
}


@pytest.fixture(scope="module")
def site(new_project: Callable[..., Project]) -> Project:
    """A site that was built, so that all of its pages are known."""
    project = new_project(plugins="[literate, mkdocstrings]")
    for name, text in SITE.items():
        project.write(name, text)
    project.write("data.txt", "1")
    project.write("docs/reference.md", "# API\n\n::: toy\n")
    project.write("toy/__init__.py", '"""T.\n\n>>> ANSWER\n42\n"""\n\nANSWER = 42\n')
    status, output = project.build("--strict", LITERATE="")
    assert status == 0, output
    assert "8 examples ran, all as recorded\n" in output
    return project


def files(project: Project) -> dict[str, bytes]:
    folder = project.root / "site"
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_site_of_a_hit_is_that_of_the_run(site: Project) -> None:
    before = files(site)
    status, output = site.build("--strict", LITERATE="")
    assert (status, files(site)) == (0, before)
    assert "8 examples ran, all as recorded; 8 of them before" in output


def test_site_of_a_hit_is_that_of_another_run(site: Project) -> None:
    seconds = re.compile(rb"in \d+\.\d\d s")

    def built(mode: str) -> tuple[str, dict[str, bytes]]:
        _, output = site.build("--strict", LITERATE=mode)
        return output, {name: seconds.sub(b"", text) for name, text in files(site).items()}

    for name, text in SITE.items():
        site.write(
            name, "New prose.\n\nAnd more of it.\n\n" + text.replace("```\n", "```\n\n---\n")
        )
    (hit, hit_files), (run, run_files) = built(""), built("fresh")
    assert "8 examples ran, all as recorded; 8 of them before" in hit
    assert "8 examples ran, all as recorded\n" in run
    assert hit_files == run_files


def test_only_what_may_differ_is_run_again(site: Project) -> None:
    site.write("data.txt", "2")
    status, output = site.build("--strict", LITERATE="")
    assert status == 1
    assert "8 examples ran, 1 failed; 7 of them before" in output
    assert re.search(r"docs/reads\.md:\d+: the recorded output is not", output)
    site.write("data.txt", "1")


@pytest.mark.parametrize("variables", [{"CI": "true", "LITERATE": ""}, {"LITERATE": "fresh"}])
def test_everything_is_run_where_nothing_may_be_assumed(
    variables: dict[str, str], site: Project
) -> None:
    cache = site.root / ".cache/literate"
    times = {file: file.stat().st_mtime_ns for file in cache.iterdir()}
    assert "8 examples ran, all as recorded\n" in site.build("--strict", **variables)[1]
    assert {file: file.stat().st_mtime_ns for file in cache.iterdir()} == times


def test_no_process_starts_if_every_page_is_known(
    site: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CI", "LITERATE"):
        monkeypatch.delenv(name, raising=False)
    pages = [site.config.parse(file) for file in site.config.files]
    first = Build(site.config)
    first.begin(pages)
    reports = [first.report(page) for page in pages]
    first._workers.close()

    def start(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr("subprocess.Popen", start)
    second = Build(site.config)
    second.begin(pages)
    assert [second.report(page).results for page in pages] == [each.results for each in reports]


def test_nothing_is_run_if_execution_is_off(project: Project) -> None:
    project.write("docs/index.md", PAGE.replace("x = 1", "raise SystemExit"))
    project.write("docs/bad.md", ">>> 1\n")
    status, output = project.build(LITERATE="off")
    assert status == 0
    assert "LITERATE=off: nothing was run, and every output is the recorded one" in output
    assert "examples ran" not in output
    page = project.read("site/index.html")
    assert 'title="2 * x">2</span>' in page
    assert "Nothing was run when this page was built: 3 examples with recorded output." in page
    assert "docs/bad.md:1: a prompt outside a live block" in output
    assert "with recorded output; 1 failed." in project.read("site/bad.html")
    assert not (project.root / "site/index.ipynb").exists()
    assert project.build("--strict", LITERATE="off")[0] == 1


def test_mode_that_is_none(project: Project) -> None:
    project.write("docs/index.md", PAGE)
    status, output = project.build(LITERATE="maybe")
    assert status == 1
    assert "literate: LITERATE=maybe in the environment is neither fresh nor off" in output
