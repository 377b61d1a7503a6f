from __future__ import annotations

import pytest

PAGE = """# Title

```pycon exec="1"
>>> x = 1
>>> x
1
```

It is `={x} 1` or `={x} 2`.

```pycon exec="1"
>>> x
1
>>> x + 1
3
```

```pycon exec="1" skip="needs a network"
>>> fetch()
```

>>> stray
"""
MODULE = '''"""A module.

>>> ANSWER
42
"""

ANSWER = 42


def f():
    r"""F.

    Examples:
        >>> f()
        1

        >>> f()
        3
    """
    return 2
'''


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with a page and a package, and other files that hold no tests."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    settings = '[tool.literate]\npages = ["docs/*.md"]\nsources = ["toy"]\n'
    (pytester.path / "pyproject.toml").write_text(settings + "[tool.pytest.ini_options]\n")
    for name, text in {
        "docs/page.md": PAGE,
        "docs/empty.md": "# Nothing\n",
        "docs/sub/other.md": ">>> stray\n",
        "toy/__init__.py": "",
        "toy/part.py": MODULE,
        "other.py": "'''\n>>> 1\n2\n'''\n",
    }.items():
        file = pytester.path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return pytester


def run(suite: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return suite.runpytest_inprocess(
        "-p", "literate.pytest_plugin", "-p", "no:cacheprovider", *arguments
    )


def test_each_block_and_docstring_is_a_test_named_by_its_line(suite: pytest.Pytester) -> None:
    result = run(suite, "--collect-only", "-q")
    assert [line for line in result.outlines if "::" in line] == [
        "docs/page.md::22-problem",
        "docs/page.md::3",
        "docs/page.md::9:12",
        "docs/page.md::9:24",
        "docs/page.md::11",
        "docs/page.md::18",
        "toy/part.py::3",
        "toy/part.py::14",
    ]


def test_outcomes(suite: pytest.Pytester) -> None:
    result = run(suite, "-v")
    result.assert_outcomes(passed=3, failed=4, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "docs/page.md::22-problem FAILED*",
            "docs/page.md::3 PASSED*",
            "docs/page.md::9:12 PASSED*",
            "docs/page.md::9:24 FAILED*",
            "docs/page.md::11 FAILED*",
            "docs/page.md::18 SKIPPED (needs a network)*",
            "toy/part.py::3 PASSED*",
            "toy/part.py::14 FAILED*",
        ]
    )
    assert result.ret == 1


def test_failure_points_at_the_line_of_the_example(suite: pytest.Pytester) -> None:
    result = run(suite)
    result.stdout.fnmatch_lines(
        [
            "docs/page.md:22: a prompt outside a live block: nothing verifies it",
            "docs/page.md:9: the recorded output is not the live output",
            "    ={x}",
            "Expected:",
            "    2",
            "Got:",
            "    1",
            "docs/page.md:14: the recorded output is not the live output",
            "    >>> x + 1",
            "Expected:",
            "    3",
            "Got:",
            "    2",
            "toy/part.py:14: the recorded output is not the live output",
            "toy/part.py:17: the recorded output is not the live output",
        ]
    )
    result.stdout.no_fnmatch_line("*ExampleError*runtest*")
    result.stdout.no_fnmatch_line("*pytest_plugin.py*")


def test_one_test_can_be_named(suite: pytest.Pytester) -> None:
    run(suite, "docs/page.md::9:12").assert_outcomes(passed=1)
    run(suite, "docs/page.md::11").assert_outcomes(failed=1)


def test_junit_report_names_file_and_line(suite: pytest.Pytester) -> None:
    run(suite, "--junitxml=report.xml", "-o", "junit_family=xunit1", "docs/page.md::11")
    report = (suite.path / "report.xml").read_text()
    assert 'file="docs/page.md" line="10"' in report


def test_page_that_ends_its_process_fails_its_tests_only(suite: pytest.Pytester) -> None:
    page = '```pycon exec="1"\n>>> import os; os._exit(0)\n```\n\n`={1} 1`\n'
    (suite.path / "docs/empty.md").write_text(page)
    result = run(suite, "docs/empty.md", "toy/part.py::3")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["docs/empty.md:2: the page's process ended*", "*:5: not run*"])


def test_project_without_settings_has_no_such_tests(suite: pytest.Pytester) -> None:
    (suite.path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    assert run(suite).ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_wrong_setting_ends_the_run(suite: pytest.Pytester) -> None:
    (suite.path / "pyproject.toml").write_text("[tool.literate]\npage = []\n")
    result = run(suite)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: tool.literate.page = * is not a setting of literate"])


def test_file_that_cannot_be_read_is_an_error(suite: pytest.Pytester) -> None:
    (suite.path / "docs/empty.md").write_bytes(b"\xff")
    result = run(suite, "docs")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*docs/empty.md is not UTF-8*"])
