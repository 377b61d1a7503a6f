from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from literate.fences import parse_page
from literate.reads import Reads, digest
from literate.report import Report
from literate.workers import Workers

if TYPE_CHECKING:
    from .conftest import Project

Observed = Callable[..., Report]


@pytest.fixture(params=[True, False], ids=["fork", "spawn"])
def observed(request: pytest.FixtureRequest, project: Project) -> Observed:
    """Run prompts as a page of a project, in both ways."""

    def run(*prompts: str) -> Report:
        workers = Workers(project.config, fork=request.param)
        report = workers.run(parse_page('```pycon exec="1"\n' + "\n".join(prompts) + "\n```", "p"))
        workers.close()
        assert report.failures == []
        return report

    return run


def own(report: Report, project: Project) -> dict[str, str]:
    """What a page has read of its project."""
    found = {Path(path): was for path, was in report.reads.items()}
    return {
        path.relative_to(project.root).as_posix(): was
        for path, was in found.items()
        if path.is_relative_to(project.root)
    }


def test_modules_and_files_of_the_project_are_noted(project: Project, observed: Observed) -> None:
    project.write("data/a.txt", "a")
    report = observed(
        ">>> import os, toy, json.tool, wave",
        ">>> text = open('data/a.txt').read()",
        ">>> os.chdir('data')",
        ">>> number = os.open('a.txt', os.O_RDONLY)",
        ">>> names = os.listdir()",
    )
    assert own(report, project) == {
        "toy/__init__.py": digest(project.root / "toy/__init__.py"),
        "data/a.txt": digest(project.root / "data/a.txt"),
        "data": digest(project.root / "data"),
    }
    assert report.effect == ""


def test_code_that_runs_the_page_is_noted_and_libraries_are_not(observed: Observed) -> None:
    reads = {Path(path).name for path in observed(">>> import wave, pytest").reads}
    assert {"runner.py", "worker.py"} <= reads
    assert reads.isdisjoint({"wave.py", "pytest.py", "__init__.pyc", "site-packages"})


def test_module_with_bytecode_is_noted_by_its_source(project: Project, observed: Observed) -> None:
    import py_compile

    py_compile.compile(str(project.root / "toy/__init__.py"))
    assert own(observed(">>> import toy"), project).keys() == {"toy/__init__.py"}


def test_file_that_is_not_there_is_noted(project: Project, observed: Observed) -> None:
    report = observed(
        ">>> try: open('none.txt')\n... except FileNotFoundError: print('none')", "none"
    )
    assert own(report, project) == {"none.txt": ""}


def test_preloaded_module_is_noted_as_it_was_when_it_was_loaded(project: Project) -> None:
    file = project.write("toy/early.py", "X = 1\n")
    settings = project.read("pyproject.toml") + 'preload = ["toy.early"]\n'
    project.write("pyproject.toml", settings)
    workers, was = Workers(project.config), digest(file)
    page = parse_page('```pycon exec="1"\n>>> import toy.early\n```', "p")
    first = workers.run(page)
    file.write_text("X = 2\n")
    second = workers.run(page)
    workers.close()
    assert [own(each, project)["toy/early.py"] for each in (first, second)] == [was, was]
    assert digest(file) != was


@pytest.mark.parametrize(
    "statement",
    [
        "open('new.txt', 'w').close()",
        "open('toy/__init__.py', 'a').close()",
        "os.mkdir('new')",
        "os.rename('toy', 'other')",
        "os.remove('toy/__init__.py')",
        "os.symlink('toy', 'other')",
        "shutil.rmtree('toy')",
        "n = subprocess.run(['true'])",
        "n = os.system('true')",
        "if os.fork() == 0: os._exit(0)",
    ],
)
def test_page_that_does_more_than_to_print_has_an_effect(
    statement: str, observed: Observed
) -> None:
    assert observed(">>> import os, shutil, subprocess", f">>> {statement}").effect != ""


def test_page_that_connects_to_another_process_has_an_effect(observed: Observed) -> None:
    report = observed(
        ">>> import socket",
        ">>> with socket.create_server(('127.0.0.1', 0)) as server:",
        "...     socket.create_connection(server.getsockname()).close()",
    )
    assert report.effect == "socket.connect takes it beyond its process"


def test_temporary_files_are_nobodys_business(project: Project, observed: Observed) -> None:
    report = observed(
        ">>> import tempfile",
        ">>> with tempfile.TemporaryDirectory() as folder:",
        "...     n = open(f'{folder}/a', 'w').write('a')",
        "...     open(f'{folder}/a').read()",
        "'a'",
    )
    assert (own(report, project), report.effect) == ({}, "")


def test_what_a_page_wrote_elsewhere_is_its_own(tmp_path: Path) -> None:
    reads = Reads(tmp_path / "project")
    reads._zones = [zone for zone in reads._zones if not str(tmp_path).startswith(zone[0])]
    for name, flags in (("a", os.O_WRONLY | os.O_CREAT), ("a", os.O_RDONLY), ("b", os.O_RDONLY)):
        reads.see("open", (str(tmp_path / name), "?", flags))
    assert (reads.files, reads.effect) == ({str(tmp_path / "b"): ""}, "")


def test_event_that_is_not_understood_has_an_effect_and_no_exception(tmp_path: Path) -> None:
    reads = Reads(tmp_path)
    reads.see("open", ())
    assert reads.effect.startswith("open cannot be understood: ValueError")


def test_descriptors_and_other_events_are_ignored(tmp_path: Path) -> None:
    reads = Reads(tmp_path)
    reads.see("open", (3, "r", os.O_RDONLY))
    reads.see("compile", (b"", "x"))
    reads.see("open", (os.fsencode(tmp_path / "odd.pyc"), "rb", 0))
    assert (reads.files, reads.effect) == ({str(tmp_path / "odd.pyc"): ""}, "")


def test_digest_of_files_folders_and_others(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"1")
    one, folder = digest(file), digest(tmp_path)
    file.write_bytes(b"2")
    (tmp_path / "__pycache__").mkdir()
    assert digest(file) not in ("", one)
    assert digest(tmp_path) == folder
    (tmp_path / "b").touch()
    assert digest(tmp_path) != folder
    os.mkfifo(tmp_path / "pipe")
    assert digest(tmp_path / "pipe") == ""
    assert sys.platform != "linux" or digest("/proc/self/mem") == ""
