from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from literate.examples import Document
from literate.fences import parse_page
from literate.report import Report
from literate.workers import Workers

if TYPE_CHECKING:
    from .conftest import Project

Live = Callable[..., str]


@pytest.fixture(params=[True, False], ids=["fork", "spawn"])
def pool(request: pytest.FixtureRequest, project: Project) -> Iterator[Workers]:
    """Workers of both kinds."""
    workers = Workers(replace(project.config, timeout=20), fork=request.param)
    yield workers
    workers.close()


def messages(report: Report) -> list[tuple[int, str]]:
    return [(failure.line, failure.message) for failure in report.failures]


def document(*prompts: str) -> Document:
    return parse_page('```pycon exec="1"\n' + "\n".join(prompts) + "\n```", "page.md")


ENDED = "the page's process ended while it ran this example"
NOT_RUN = "not run, since the page ended before"


def test_report_joins_examples_and_outcomes(pool: Workers) -> None:
    report = pool.run(document(">>> import toy", ">>> toy.ANSWER", "42", ">>> 1 / 0", ">>> 2", "3"))
    assert messages(report) == [
        (5, "the example raised an exception"),
        (6, "the recorded output is not the live output"),
    ]
    assert 0 < report.seconds < 10


def test_forked_and_spawned_pages_give_the_same_reports(project: Project) -> None:
    project.write("toy/bad.py", "'''\n>>> 1\n2\n'''\nundefined\n")
    documents = [
        document(">>> import sys", ">>> print(1, file=sys.stderr)", ">>> 1 / 0", ">>> [2.5]", "2"),
        document(">>> import os", ">>> os._exit(3)", ">>> 1"),
        project.config.parse(project.root / "toy/bad.py"),
        parse_page(">>> stray", "page.md"),
    ]
    reports = []
    for fork in (True, False):
        workers = Workers(project.config, fork=fork)
        reports.append([replace(workers.run(each), seconds=0.0) for each in documents])
        workers.close()
    assert reports[0] == reports[1]
    assert [len(report.failures) for report in reports[0]] == [3, 2, 1, 1]


@pytest.mark.parametrize(
    "crash", ["os._exit(0)", "os.kill(os.getpid(), 9)", "os.kill(os.getpid(), 11)", "os.abort()"]
)
def test_crash_is_a_failed_page(crash: str, pool: Workers) -> None:
    report = pool.run(document(">>> import os", f">>> {crash}", ">>> 1", "1", ">>> 2"))
    assert messages(report) == [(3, ENDED), (4, NOT_RUN), (6, NOT_RUN)]
    assert report.results[0].outcome is not None


def test_hang_is_a_failed_page(project: Project) -> None:
    for fork in (True, False):
        workers = Workers(replace(project.config, timeout=1.0), fork=fork)
        report = workers.run(document(">>> 1", "1", ">>> while True: pass", ">>> 2"))
        workers.close()
        hung = "this example was still running after the 1 s that a page has"
        assert messages(report) == [(4, hung), (5, NOT_RUN)]


def test_hang_of_a_page_that_has_forked_itself(project: Project) -> None:
    workers = Workers(replace(project.config, timeout=0.5))
    start = time.perf_counter()
    report = workers.run(
        document(
            ">>> import os, time", ">>> if os.fork() == 0: time.sleep(30)", ">>> time.sleep(9)"
        )
    )
    workers.close()
    assert len(report.failures) == 1
    assert time.perf_counter() - start < 5


def test_threads_that_a_page_leaves_running_do_not_matter(
    pool: Workers, capfd: pytest.CaptureFixture[str]
) -> None:
    start = time.perf_counter()
    report = pool.run(
        document(
            ">>> import threading, time",
            ">>> threading.Thread(target=time.sleep, args=[9]).start()",
        )
    )
    assert report.failures == []
    assert time.perf_counter() - start < 5
    assert capfd.readouterr().err == ""


def test_page_that_writes_into_every_descriptor(pool: Workers) -> None:
    report = pool.run(
        document(
            ">>> import os",
            ">>> for number in range(3, 20):",
            "...     try: n = os.write(number, b'\\x80\\x04c__main__\\nnothing\\n.')",
            "...     except OSError: pass",
            ">>> 1",
            "1",
        )
    )
    assert len(report.results) == 3
    assert {message for _, message in messages(report)} <= {ENDED, NOT_RUN}
    assert pool.run(document(">>> 1", "1")).failures == []


def test_input_is_empty(pool: Workers) -> None:
    report = pool.run(
        document(">>> import os", ">>> os.system('cat')", "0", ">>> os.read(0, 1)", "b''")
    )
    assert messages(report) == []


def test_pages_see_nothing_of_each_other(pool: Workers) -> None:
    first = document(
        ">>> import os, random, toy",
        ">>> random.random()",
        "0.8444218515250481",
        ">>> x, toy.ANSWER, os.environ['X'] = 1, 2, '3'",
        ">>> os.chdir('docs')",
    )
    second = document(
        ">>> import os, random, toy",
        ">>> random.random()",
        "0.8444218515250481",
        ">>> 'x' in globals(), toy.ANSWER, 'X' in os.environ, os.path.exists('toy')",
        "(False, 42, False, True)",
    )
    (pool.config.root / "docs").mkdir()
    for each in (first, second, first, second):
        assert messages(pool.run(each)) == []


def test_edited_module_is_reloaded(pool: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    module = pool.config.root / "toy/__init__.py"
    page = document(">>> import toy", ">>> toy.ANSWER")
    found = []
    for number in ("42", "43", "44"):  # of one size, and within one second
        module.write_text(f"ANSWER = {number}\n")
        outcome = pool.run(page).results[1].outcome
        found.append(outcome and outcome.got)
    assert found == ["42\n", "43\n", "44\n"]


def test_docstrings_run_in_their_modules_namespace(pool: Workers) -> None:
    file = pool.config.root / "toy/part.py"
    file.write_text(
        "X = 1\n\n\ndef f():\n    '''\n    >>> X\n    1\n    >>> Y = 2\n    '''\n\n\n"
        "def g():\n    '''\n    >>> Y\n    2\n    '''\n"
    )
    report = pool.run(pool.config.parse(file))
    assert messages(report) == [(14, "the example raised an exception")]


def test_module_that_cannot_be_imported_fails_with_its_traceback(pool: Workers) -> None:
    file = pool.config.root / "toy/broken.py"
    file.write_text("'''\n>>> 1\n1\n>>> 2\n2\n'''\nundefined\n")
    report = pool.run(pool.config.parse(file))
    assert messages(report) == [(2, "what precedes this example failed"), (4, NOT_RUN)]
    assert 'broken.py", line 7' in str(report.failures[0])
    assert "NameError: name 'undefined' is not defined" in str(report.failures[0])


def test_set_up_that_fails(project: Project) -> None:
    for fork in (True, False):
        workers = Workers(replace(project.config, setup="1 / 0"), fork=fork)
        (failure,) = workers.run(document(">>> 1", "1")).failures
        workers.close()
        assert "ZeroDivisionError" in str(failure.got)


def test_document_without_live_examples_starts_no_process(project: Project) -> None:
    workers = Workers(replace(project.config, preload=("no_such_module",)))
    assert workers.run(parse_page("Text.", "p")).results == ()
    skipped = '```pycon exec="1" skip="slow"\n>>> 1\n```'
    assert workers.run(parse_page(skipped, "p")).results == ()


def test_process_that_cannot_be_started(project: Project) -> None:
    gone = replace(project.config, root=project.root / "gone")
    report = Workers(gone, fork=True).run(document(">>> 1", "1"))
    assert messages(report) == [(2, "the worker process did not start")]
    with pytest.raises(FileNotFoundError):
        Workers(gone, fork=False).submit(document(">>> 1", "1")).result()


def test_server_that_does_not_start(project: Project, capfd: pytest.CaptureFixture[str]) -> None:
    workers = Workers(replace(project.config, preload=("no_such_module",)))
    report = workers.run(document(">>> 1", "1"))
    assert messages(report) == [(2, "the worker process did not start")]
    assert "No module named 'no_such_module'" in capfd.readouterr().err


def test_pages_are_forked_from_one_server_with_preloaded_modules(project: Project) -> None:
    workers = Workers(replace(project.config, preload=("wave",)))
    page = document(">>> import os, sys", ">>> 'wave' in sys.modules, os.getppid()")
    first, second = (workers.run(page).results[1].outcome for _ in range(2))
    workers.close()
    assert first == second
    assert first is not None
    assert first.got.startswith("(True, ")


def test_thread_of_a_preloaded_module_is_no_matter(
    project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    idle = (
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    project.write("idle.py", idle)
    workers = Workers(replace(project.config, preload=("idle",)))
    assert workers.run(document(">>> 1", "1")).failures == []
    workers.close()
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(os.cpu_count() == 1, reason="pages run one after the other")
def test_submitted_pages_run_at_once(project: Project) -> None:
    workers = Workers(project.config)
    pages = [
        document(
            ">>> import time, pathlib",
            f">>> pathlib.Path('{mine}').touch()",
            f">>> while not pathlib.Path('{other}').exists(): time.sleep(0.01)",
        )
        for mine, other in ("ab", "ba")
    ]
    reports = [future.result() for future in [workers.submit(page) for page in pages]]
    workers.close()
    assert [report.failures for report in reports] == [[], []]


def children_in(folder: Path) -> list[int]:
    """The processes that work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() == folder:
                found.append(int(process.name))
        except OSError:
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="needs /proc")
def test_close_ends_the_server_and_pages_that_still_run(project: Project) -> None:
    workers = Workers(project.config)
    future = workers.submit(document(">>> import time", ">>> time.sleep(30)"))
    deadline = time.monotonic() + 5
    while len(children_in(project.root)) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(children_in(project.root)) == 2
    workers.close()
    assert messages(future.result())[0][1] == ENDED
    while children_in(project.root) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert children_in(project.root) == []
    assert workers.run(document(">>> 1", "1")).failures == []
    workers.close()
