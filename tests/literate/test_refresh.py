from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from literate.__main__ import main
from literate.checker import matches
from literate.fences import parse_page
from literate.refresh import refresh, rewrite, write

if TYPE_CHECKING:
    from .conftest import Project

Live = Callable[..., str]
Capture = pytest.CaptureFixture[str]

PAGE = """# Title

Ünïcode `={1 + 1} 3` and `={2.5:.2f} 2.50`, `={"x" * 3} x`.

- item

    ```pycon exec="1"
    >>> for i in range(2):
    ...     print(i)
    ...
    7
    8
    9
    >>> print("a\\n\\n  b")
    >>> x = 1
    stale
    >>> 0.2379
    0.24
    ```

> ```pycon exec="1"
> >>> 'é→'
> 'e'
> ```
"""
FRESH = """# Title

Ünïcode `={1 + 1} 2` and `={2.5:.2f} 2.50`, `={"x" * 3} xxx`.

- item

    ```pycon exec="1"
    >>> for i in range(2):
    ...     print(i)
    ...
    0
    1
    >>> print("a\\n\\n  b")
    a
    <BLANKLINE>
      b
    >>> x = 1
    >>> 0.2379
    0.24
    ```

> ```pycon exec="1"
> >>> 'é→'
> 'é→'
> ```
"""


@pytest.fixture
def refreshed(project: Project) -> Callable[..., tuple[int, str]]:
    """Refresh a page of a text and give the exit status and the new text."""

    def run(text: str, *, check: bool = False) -> tuple[int, str]:
        file = project.write("docs/page.md", text)
        status = refresh(project.config, [file], check=check)
        return status, project.read("docs/page.md")

    return run


Refreshed = Callable[..., tuple[int, str]]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("head", ["", "\ufeff", "---\na: b\n---\n\n"])
def test_only_outputs_that_differ_are_rewritten(head: str, end: str, refreshed: Refreshed) -> None:
    old, new = ((head + text).replace("\n", end) for text in (PAGE, FRESH))
    assert refreshed(old) == (0, new)
    assert refreshed(new) == (0, new)


def test_tabs_quotes_and_blanks_at_the_end_stay(refreshed: Refreshed) -> None:
    old = "text  \n\t`={1} 2`\t`={2} 3`\n\t\n\t```pycon exec='1'\t\n\t>>> 1 \n\t2\n\n\t```  \n"
    old += ">```pycon exec='1'\n>>>> 1\n>2\n>```"
    new = old.replace("={1} 2", "={1} 1").replace("={2} 3", "={2} 2")
    new = new.replace("\t2\n", "\t1\n").replace(">2\n", ">1\n")
    assert refreshed(old) == (0, new)


def test_live_number_on_the_first_line_after_a_byte_order_mark(refreshed: Refreshed) -> None:
    assert refreshed("\ufeff`={1 + 1} 3` x") == (0, "\ufeff`={1 + 1} 2` x")


def test_docstrings_are_rewritten_too(project: Project) -> None:
    old = 'r"""A.\n\n>>> 1\n2\n"""\n\n\ndef f():\n\t"""\n\t\t>>> 3\n\n\t\t>>> 4\n\t\t5\n\t"""\n'
    new = old.replace(">>> 1\n2", ">>> 1\n1").replace("\t\t>>> 3\n", "\t\t>>> 3\n\t\t3\n")
    new = new.replace("\t\t5\n", "\t\t4\n")
    for end in ("\n", "\r\n"):
        file = project.write("toy/part.py", old.replace("\n", end))
        assert refresh(project.config, [file]) == 0
        assert project.read("toy/part.py") == new.replace("\n", end)


def test_diff_is_printed(refreshed: Refreshed, capsys: Capture) -> None:
    refreshed("# T\n\n`={1} 2`\n")
    assert capsys.readouterr().out == (
        "--- a/docs/page.md\n+++ b/docs/page.md\n@@ -1,3 +1,3 @@\n # T\n \n-`={1} 2`\n+`={1} 1`\n"
    )


def test_check_writes_nothing_and_reports(refreshed: Refreshed, capsys: Capture) -> None:
    assert refreshed("`={1} 2`\n", check=True) == (1, "`={1} 2`\n")
    assert "+`={1} 1`" in capsys.readouterr().out
    assert refreshed("`={1} 1`\n", check=True) == (0, "`={1} 1`\n")
    assert capsys.readouterr().out == ""


def test_what_matches_stays_as_it_was_written(refreshed: Refreshed) -> None:
    text = (
        "```pycon exec='1' measured='1'\n>>> print('took 3 ms')\ntook 9 ms\n```\n"
        "`~{7} 8`\n`={0.2379} 0.24`\n```pycon exec='1' skip='slow'\n>>> 1\n2\n```\n"
        "```pycon exec='1'\n>>> 1 / 0\nTraceback (most recent call last):\n"
        '  File "x", line 3\nZeroDivisionError: division by zero\n```\n'
    )
    assert refreshed(text) == (0, text)


def test_recorded_exception_may_change_its_message(refreshed: Refreshed) -> None:
    trace = ">>> {}[1]\nTraceback (most recent call last):\n    ...\nKeyError: "
    old, new = (f"```pycon exec='1'\n{trace}{key}\n```\n" for key in (2, 1))
    assert refreshed(old) == (0, new)


SVG = """```pycon exec="1"
>>> class F:
...     def _repr_svg_(self): return "<svg/>"
...     def __repr__(self): return "F"
>>> F()
F
```
"""


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("```pycon exec='1'\n>>> 1 / 0\n```\n", 2, "the example raised an exception"),
        ("`={1 / 0} 1`\n", 1, "the example raised an exception"),
        ("```pycon exec='1'\n>>> exit()\n```\n", 2, "the example raised an exception"),
        ("```pycon exec='1'\n>>> import os; os._exit(0)\n```\n", 2, "process ended"),
        ("```pycon exec='1'\n>>> 1\n", 1, "never closed"),
        (SVG, 5, "no accessible name"),
        ("```pycon exec='1'\n>>> print('```')\n```\n", 1, "cannot be recorded"),
        ("```pycon exec='1'\n>>> print('>>> 1')\n```\n", 1, "cannot be recorded"),
        ("```pycon exec='1'\n>>> print('a\\n>>> 1')\n```\n", 1, "cannot be recorded"),
        ("```pycon exec='1'\n>>> print('...')\n```\n", 1, "cannot be recorded"),
        ("```pycon exec='1'\n>>> print('<BLANKLINE>')\n```\n", 2, "cannot be recorded"),
        ("`={chr(96)} a`\n", 1, "cannot be recorded"),
        ("`={f'a{chr(96)}b'} a`\n", 1, "cannot be recorded"),
        ("`={''} a`\n", 1, "cannot be recorded"),
        ("`={'a' + chr(10) + 'b'} a`\n", 1, "cannot be recorded"),
    ],
)
def test_refused(
    text: str, place: int, message: str, refreshed: Refreshed, capsys: Capture
) -> None:
    text += "\n\n`={1} 2`\n"
    assert refreshed(text) == (1, text)
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"docs/page.md:{place}: ")
    assert message in output.err.split("\n")[0]


@pytest.mark.parametrize(
    "docstring",
    [
        "'''>>> 1'''",
        "'''\n>>> 1\n2'''",
        "'''\n>>> 'a' + chr(92) + 'n'\n'''",
        "'''\n>>> print(chr(39) * 3)\n'''",
        "'''\n>>> print(chr(92) + 'x31')\n1\n'''",
    ],
)
def test_refused_in_a_docstring(docstring: str, project: Project, capsys: Capture) -> None:
    file = project.write("toy/part.py", f"{docstring}\n")
    assert refresh(project.config, [file]) == 1
    assert project.read("toy/part.py") == f"{docstring}\n"
    assert capsys.readouterr().err.startswith("toy/part.py:1: a live output cannot be recorded")


def test_refused_file_does_not_keep_others_from_being_written(project: Project) -> None:
    bad = project.write("docs/bad.md", "`={1 / 0} 1`\n")
    good = project.write("docs/good.md", "`={1} 2`\n")
    assert refresh(project.config, [bad, good]) == 1
    assert project.read("docs/good.md") == "`={1} 1`\n"


def test_file_that_is_edited_meanwhile_is_left_alone(project: Project, capsys: Capture) -> None:
    edit = "pathlib.Path('docs/page.md').write_text('# New\\n\\n`={1} 2`\\n')"
    text = f"```pycon exec='1'\n>>> import pathlib; n = {edit}\n>>> 1\n2\n```\n"
    assert refresh(project.config, [project.write("docs/page.md", text)]) == 1
    assert project.read("docs/page.md") == "# New\n\n`={1} 2`\n"
    assert "the file was edited while its examples ran" in capsys.readouterr().err


def test_edit_before_the_last_moment_is_not_overwritten(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    file = project.write("docs/page.md", "`={1} 2` one\n")
    real = os.fsync

    def edit_meanwhile(descriptor: int) -> None:
        real(descriptor)
        project.write("docs/page.md", "`={1} 2` two\n")

    monkeypatch.setattr(os, "fsync", edit_meanwhile)
    assert refresh(project.config, [file]) == 1
    assert project.read("docs/page.md") == "`={1} 2` two\n"
    assert [each.name for each in file.parent.iterdir()] == ["page.md"]
    output = capsys.readouterr()
    assert output.err == "docs/page.md:1: the file was edited while its examples ran\n"
    assert output.out == ""


def test_file_that_is_named_twice_is_refreshed_once(project: Project, capsys: Capture) -> None:
    file, link = project.write("docs/page.md", "`={1} 2`\n"), project.root / "docs" / "link.md"
    link.symlink_to(file)
    assert refresh(project.config, [file, file, link]) == 0
    assert project.read("docs/page.md") == "`={1} 1`\n"
    assert capsys.readouterr().out.count("+`={1} 1`") == 1


def test_write_keeps_the_mode_and_the_link(tmp_path: Path) -> None:
    file, link = tmp_path / "file.md", tmp_path / "link.md"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)
    assert write(link, "old", "é\r\n")
    assert link.is_symlink()
    assert file.read_bytes() == "é\r\n".encode()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_write_that_fails_leaves_the_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file.md"
    file.write_text("old")

    def fail(*arguments: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write(file, "old", "new")
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("file.md", "old")]


# Ends itself, as `kill -9` would, where it touches a file of the project for the n-th time.
KILLED = """
import os, signal, sys
left, root, main = int(sys.argv[1]), os.getcwd(), os.getpid()

def count(event, arguments):
    global left
    inside = any(isinstance(each, str) and each.startswith(root) for each in arguments)
    if inside and event.startswith(("open", "os.", "tempfile.")) and os.getpid() == main:
        left -= 1
        if left < 0:
            os.kill(main, signal.SIGKILL)

from literate.__main__ import main as command
sys.addaudithook(count)
sys.exit(command(["refresh"]))
"""
STALE = {"docs/page.md": "`={1} 2`\r\n", "toy/part.py": "'''\n>>> 3\n4\n'''\n"}
RENEWED = {"docs/page.md": "`={1} 1`\r\n", "toy/part.py": "'''\n>>> 3\n3\n'''\n"}


def kill(project: Project, moment: int) -> tuple[int, dict[str, str]]:
    """Begin to refresh the stale files, and give the exit status and the files as they are then."""
    for name, text in STALE.items():
        project.write(name, text)
    command = [sys.executable, "-c", KILLED, str(moment)]
    done = subprocess.run(command, cwd=project.root, stdout=subprocess.DEVNULL, timeout=100)
    return done.returncode, {name: project.read(name) for name in STALE}


def test_kill_at_any_moment_leaves_each_file_old_or_new(project: Project) -> None:
    seen, status, moment, left = set(), -signal.SIGKILL, 0, False
    while status == -signal.SIGKILL:
        status, found = kill(project, moment)
        assert all(text in (STALE[name], RENEWED[name]) for name, text in found.items())
        seen.add(tuple(found[name] == RENEWED[name] for name in found))
        left |= any(project.root.rglob(".*.refresh"))
        # What a killed process has left is gone after the next one.
        assert refresh(project.config, [project.root / name for name in STALE]) == 0
        assert {name: project.read(name) for name in STALE} == RENEWED
        assert list(project.root.rglob(".*.refresh")) == []
        moment += 1
    assert status == 0
    assert left
    assert sorted(seen) == [(False, False), (True, False), (True, True)]


def git(project: Project, *arguments: str) -> str:
    settings = ["core.autocrlf=false", "user.name=T", "user.email=t@example.com"]
    options = [option for setting in settings for option in ("-c", setting)]
    done = subprocess.run(
        ["git", *options, *arguments], cwd=project.root, check=True, stdout=subprocess.PIPE
    )
    return done.stdout.decode()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "`={1} 2`"])
def test_git_shows_and_undoes_what_was_refreshed(
    end: str, last: str, project: Project, capsys: Capture
) -> None:
    old = (PAGE + last).replace("\n", end)
    new = (FRESH + last.replace("2", "1")).replace("\n", end)
    file = project.write("docs/page.md", old)
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-qm", "Old")
    assert refresh(project.config, [file]) == 0
    assert git(project, "status", "--porcelain") == " M docs/page.md\n"
    # What is printed is a patch, which takes back what was done.
    project.write(".git/patch", capsys.readouterr().out)
    git(project, "apply", "--reverse", ".git/patch")
    assert project.read("docs/page.md") == old
    git(project, "apply", ".git/patch")
    assert project.read("docs/page.md") == new
    git(project, "checkout", "--", ".")
    assert project.read("docs/page.md") == old


def test_command_refreshes_named_files_or_all(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    project.write("docs/a.md", "`={1} 2`\n")
    project.write("docs/b.md", "`={1} 2`\n")
    project.write("toy/__init__.py", "'''\n>>> 1\n2\n'''\n")
    monkeypatch.chdir(project.root / "docs")
    assert main(["refresh", "--check"]) == 1
    assert main(["refresh", "a.md"]) == 0
    assert project.read("docs/a.md") == "`={1} 1`\n"
    assert project.read("docs/b.md") == "`={1} 2`\n"
    assert main(["refresh"]) == 0
    assert main(["refresh", "--check"]) == 0
    assert project.read("toy/__init__.py") == "'''\n>>> 1\n1\n'''\n"
    capsys.readouterr()


def test_command_says_what_it_cannot_read(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(project.root)
    assert main(["refresh", "docs/none.md"]) == 1
    assert (
        "literate: [Errno 2] No such file or directory: 'docs/none.md'" in capsys.readouterr().err
    )
    monkeypatch.chdir("/")
    assert main(["refresh"]) == 1
    assert "literate: no pyproject.toml" in capsys.readouterr().err


def test_command_runs_as_a_module(project: Project) -> None:
    project.write("docs/a.md", "`={'é'} e`\n")
    done = subprocess.run(
        [sys.executable, "-m", "literate", "refresh", "--check"],
        cwd=project.root,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "+`={'é'} é`" in done.stdout


def test_command_prints_where_the_terminal_lacks_a_character(project: Project) -> None:
    project.write("docs/a.md", "`={'é'} e`\n")
    done = subprocess.run(
        [sys.executable, "-m", "literate", "refresh"],
        cwd=project.root,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "+`={'\\xe9'} \\xe9`" in done.stdout
    assert project.read("docs/a.md") == "`={'é'} é`\n"


GOT = st.lists(st.sampled_from(["a", " b", "", "  ", "\té", "0.5"]), max_size=4).map(
    lambda lines: "".join(f"{line}\n" for line in lines)
)
PREFIXES = st.sampled_from(["", "    ", "\t", "> ", ">", "> \t", "  "])


@given(PREFIXES, st.sampled_from(["\n", "\r\n"]), st.tuples(GOT, GOT), st.tuples(GOT, GOT))
def test_rewriting_touches_the_outputs_only(
    prefix: str, end: str, first: tuple[str, str], second: tuple[str, str]
) -> None:
    def recorded(text: str, outputs: tuple[str, str]) -> str:
        document = parse_page(text, "p")
        assert document.problems == ()
        return rewrite(text, list(zip(document.blocks[0].examples, outputs, strict=True)))

    lines = ['```pycon exec="1"', ">>> f()", ">>> g(", "... )", "```"]
    bare = f"\tx {end}" + "".join(prefix + line + end for line in lines) + "\ty"
    text = recorded(bare, first)
    for example, output in zip(parse_page(text, "p").blocks[0].examples, first, strict=True):
        assert matches(example, output)
    assert recorded(text, first) == text
    assert recorded(text, second) == recorded(bare, second)
    assert recorded(text, ("", "")) == bare
