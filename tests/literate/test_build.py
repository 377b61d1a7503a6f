from __future__ import annotations

import os
import re
from collections.abc import Callable
from html import unescape
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Project

EXEC = '```pycon exec="1"'
GOOD = f"""---
title: Good
---

# Good `={{1 + 1}} 2`

{EXEC} hide="1"
>>> import toy
```

{EXEC} title="The answer"
>>> toy.ANSWER
42
>>> 0.23791
0.24
>>> {{}}[1]
Traceback (most recent call last):
  ...
KeyError: 1
```

- list

    {EXEC}
    >>> print("a\\n\\nb <c>")
    a
    <BLANKLINE>
    b <c>
    ```

!!! note
    ~~~~pycon exec="1"
    >>> "```é→"
    '```é→'
    ~~~~

=== "Tab"

\t{EXEC}
\t>>> 1
\t1
\t```

> {EXEC}
> >>> 2
> 2
> ```

??? success "Solution"

    {EXEC} skip="needs a network"
    >>> fetch()
    ```

{EXEC} measured="1"
>>> print("took 7 ms")
took 9 ms
```

{EXEC}
>>> class Picture:
...     def __repr__(self): return "Picture()"
...     def _repr_svg_(self): return '<svg><title id="t">A title</title></svg>'
>>> Picture()
Picture()
```

Look at `={{toy.ANSWER}} 42`, in a word.
{{: .caption }}

!!! note
    {EXEC} measured="1"
    >>> Picture()
    Picture()
    ```

    *Another*
    one.
    {{: .caption }}

{EXEC} hide="1"
>>> Picture()
Picture()
```

| Table | `={{toy.ANSWER | 1}} 43` |
|---|---|
| `~{{3 * 1}} 4` | [`={{2}} 2`](#good-2) |

`` `={{shown}} as code` ``
"""
PART = '''"""A part of it.

With a paragraph.
"""

def f() -> int:
    """F.

    More text.

    Examples:
        >>> f()
        1

        >>> 2
        2
    """
    return 1
'''


def text(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html))


@pytest.fixture(scope="module")
def good(new_project: Callable[..., Project]) -> Project:
    """A site in which all is well, not built yet."""
    project = new_project(plugins="[literate, mkdocstrings]")
    project.write("docs/index.md", GOOD)
    project.write("docs/windows.md", "\ufeff" + GOOD.replace("\n", "\r\n"))
    project.write("docs/empty.md", "# Nothing runs here\n")
    project.write("docs/notation.md", "# Terms\n\nWord {: #word }\n:   A piece.\n")
    project.write("docs/reference.md", "# API\n\n::: toy.part\n")
    project.write("toy/part.py", PART)
    return project


@pytest.fixture(scope="module")
def site(good: Project) -> Callable[[str], str]:
    """The HTML of the good site's pages."""
    status, output = good.build("--strict")
    assert (status, re.findall("WARNING.*", output)) == (0, [])
    assert "38 examples ran, all as recorded" in output
    return lambda name: good.read(f"site/{name}.html")


Site = Callable[[str], str]


def test_properdocs_builds_the_same(good: Project, site: Site) -> None:
    pages = {name: site(name) for name in ("index", "reference")}
    status, output = good.build("--strict", tool="properdocs")
    assert (status, re.findall("WARNING.*", output)) == (0, [])
    for name, page in pages.items():
        seconds = r"in \d+\.\d\d s"
        assert re.sub(seconds, "", good.read(f"site/{name}.html")) == re.sub(seconds, "", page)


def test_page_shows_live_outputs_where_a_repl_would(site: Site) -> None:
    shown = text(site("index"))
    assert ">>> toy.ANSWER\n42\n>>> 0.23791\n0.23791\n>>> {}[1]\n" in shown
    assert "Traceback (most recent call last):\n    ...\nKeyError: 1\n" in shown
    assert '>>> print("a\\n\\nb <c>")\na\n\nb <c>\n' in shown
    assert "took 7 ms" in shown
    assert "took 9 ms" not in shown


@pytest.mark.parametrize(
    "container",
    [
        '<li>\n<p>list</p>\n<div class="literate" id="example-3">',
        '<p class="admonition-title">Note</p>\n<div class="literate" id="example-4">',
        '<div class="tabbed-block">\n<div class="literate" id="example-5">',
        '<blockquote>\n<div class="literate" id="example-6">',
        '<summary>Solution</summary>\n<div class="literate literate-skipped" id="example-7">',
    ],
)
def test_blocks_stand_inside_their_containers(container: str, site: Site) -> None:
    assert container in site("index")


def test_hidden_block_runs_and_is_not_shown(site: Site) -> None:
    assert "import toy" not in site("index")


def test_title_and_kinds_of_blocks(site: Site) -> None:
    page = site("index")
    assert '<span class="filename">The answer</span>' in page
    assert page.count('<div class="literate literate-skipped"') == 1
    assert page.count('<div class="literate literate-measured"') == 2
    assert "literate-failed" not in page
    assert "literate-problems" not in page


def test_figures_are_drawn_with_ids_of_their_own(site: Site) -> None:
    opening = '<figure class="literate-figure" data-shows="svg"><div data-search-exclude>'
    figures = re.findall(rf"{opening}(.*?)</div>", site("index"))
    assert figures == [
        f'<svg><title id="example-{number}-1-t">A title</title></svg>' for number in (9, 10)
    ]
    assert "Picture()\n&lt;" not in site("index")


def test_captions_stand_in_their_figures(site: Site) -> None:
    assert re.findall(r"</svg></div>(.*?)</div>", site("index"), re.DOTALL) == [
        '<figcaption>Look at <span class="live" title="toy.ANSWER">42</span>, in a'
        ' <a class="term" href="notation.html#word" title="A piece.">word</a>.</figcaption>'
        "</figure>",
        "<figcaption><em>Another</em>\none.</figcaption></figure>"
        '<p class="literate-note">Measured while this page was built; it differs from run to run.'
        "</p>",
    ]
    assert "data-caption" not in site("index")


def test_live_numbers_stand_in_headings_tables_and_links(site: Site) -> None:
    page = site("index")
    assert re.search(r'<h1 id="good-2">Good <span class="live" title="1 \+ 1">2</span>', page)
    assert '<th><span class="live" title="toy.ANSWER | 1">43</span></th>' in page
    assert '<td><span class="live live-measured" title="3 * 1">3</span></td>' in page
    assert '<a href="#good-2"><span class="live" title="2">2</span></a>' in page
    assert "<code>`={shown} as code`</code>" in page


def test_line_at_the_end_counts_examples(site: Site) -> None:
    line = r'<p class="literate-line" data-search-exclude>(.*?)</p></body>'
    match = re.search(line, site("index"))
    assert match
    assert re.fullmatch(
        r"18 examples ran on this page in \d+\.\d\d s: "
        r"every output that is not measured is the recorded one; 1 example skipped\.",
        match[1],
    )
    assert re.search(line, site("empty"))[1] == "There is no example on this page."


def test_windows_line_ends_and_byte_order_mark_change_nothing(site: Site) -> None:
    same = re.compile(r"in \d+\.\d\d s")
    windows = site("windows").replace("windows.ipynb", "index.ipynb")
    assert same.sub("", windows) == same.sub("", site("index"))


def test_page_with_docstrings_has_one_line_that_counts_them(site: Site) -> None:
    page = site("reference")
    assert page.count("literate-line") == 1
    assert "2 examples ran on this page" in page


BAD = {
    "mismatch": (
        f"---\ntitle: x\n---\n\n{EXEC}\n>>> 1\n1\n>>> 1 +  1\n3\n```\n",
        r"8: the recorded output is not the live output\n    >>> 1 \+  1\n"
        r"Expected:\n    3\nGot:\n    2\n",
    ),
    "digit": (
        f"{EXEC}\n>>> 0.2379\n0.2378\n```\n",
        r"2: the recorded .*\n    >>> 0.2379\nExpected:\n    0.2378\nGot:\n    0.2379\n",
    ),
    "exception": (
        f"- a\n\n    {EXEC}\n    >>> 1 / 0\n    1\n    ```\n",
        r"4: the example raised an exception\n    >>> 1 / 0\nExpected:\n    1\nGot:\n"
        r'    Traceback .*\n      File "docs/exception.md", line 4, in <module>\n(.*\n)*'
        r"    ZeroDivisionError: division by zero\n",
    ),
    "syntax": (
        f"{EXEC}\n>>> x = = 1\n```\n",
        r'2: .*exception\n(.*\n)*      File "docs/syntax.md", line 2\n',
    ),
    "exit": (
        f"{EXEC}\n>>> exit(0)\n```\n",
        r"2: the example raised an exception\n    >>> exit\(0\)\n",
    ),
    "crash": (
        f"{EXEC}\n>>> import os, signal\n>>> os.kill(os.getpid(), signal.SIGSEGV)\n>>> 1\n1\n```\n",
        r"3: the page's process ended while it ran this example\n    >>> os.kill",
    ),
    "hang": (
        f"{EXEC}\n>>> while True: pass\n```\n",
        r"2: this example was still running after the 2 s that a page has\n    >>> while True",
    ),
    "option": (
        f"a\n\n{EXEC} hidden='1'\n>>> 1\n```\n",
        r"3: unknown option 'hidden' of a live block",
    ),
    "value": (
        f"{EXEC} hide='yes'\n>>> 1\n```\n",
        r"1: hide='yes': the only value of hide is \"1\"\n",
    ),
    "unclosed": (f"a\n\n{EXEC}\n>>> 1\n1\n", r"3: a fence that is never closed"),
    "noexec": ("a\n\n```pycon\n>>> 1\n2\n```\n", r"3: a pycon fence that is not executed"),
    "language": (
        "```python exec='1'\nprint(1)\n```\n",
        r"1: cannot execute 'python'; write pycon\n",
    ),
    "prompt": ("a\n\n>>> 1\n2\n", r"3: a prompt outside a live block: nothing verifies it\n"),
    "inline": (
        "a\n\nIt is `={1 + 1} 3`.\n",
        r"3: the recorded output is not the live output\n    =\{1 \+ 1\}\n"
        r"Expected:\n    3\nGot:\n    2\n",
    ),
    "malformed": ("a `={1 +} 3`\n", r"1: cannot read the live number `=\{1 \+\} 3`\n"),
    "hidden": (
        f"{EXEC} hide='1'\n>>> 1\n2\n```\n",
        r"2: the recorded output is not the live output",
    ),
    "figure": (
        f"{EXEC}\n>>> class F:\n...     def _repr_svg_(self): return '<svg/>'\n"
        "...     def __repr__(self): return 'F'\n>>> F()\nF\n```\n",
        r"5: the figure has no accessible name: it must begin with an <svg> .*\n"
        r"    >>> F\(\)\n",
    ),
    "captions": (
        f"---\na: b\n---\n\n{EXEC}\n>>> class F:\n...     def __repr__(self): return 'F'\n"
        "...     def _repr_svg_(self): return '<svg><title>t</title></svg>'\n>>> F()\nF\n>>> 1\n1\n"
        "```\n\nText\n{: .caption }\n",
        r"9: the figure has no caption: a paragraph marked {: .caption } directly after its block\n"
        r"WARNING -  docs/captions.md:16: a caption without a figure: the block directly before it",
    ),
    "notshown": (
        f"text\n\n<pre>\n{EXEC}\n>>> 1\n1\n```\n</pre>\n\n    {EXEC}\n    >>> 1\n    1\n    ```\n",
        r"10: the block is run but not shown",
    ),
    "mistyped": (
        "```pycon exce='1'\n>>> 1\n1\n```\n",
        r"1: unknown option 'exce' of a live block",
    ),
    "front": (f"---\n{EXEC}\n>>> 1\n1\n```\n---\n", r"1: a live block is not run:\n>>> 1\n1\n"),
    "docstring": ('a\n\n=== "Tab"\n\n    ::: toy.bad.f\n', None),
    "module": ("::: toy.bad\n", None),
    "broken": ("::: toy.broken\n", None),
    "package": ("::: toy\n", None),
    "fenced": ("::: toy.fenced\n", None),
}
MODULES = {
    "toy/bad.py:7": r"the recorded output is not the live output\n    >>> f\(\)\n"
    r"Expected:\n    2\nGot:\n    1\n",
    "toy/broken.py:2": r"what precedes this example failed\n    >>> 1\n"
    r"Got:\n    Traceback (.*\n)*    NameError: name 'undefined'",
}


@pytest.fixture(scope="module", params=["mkdocs", "properdocs"])
def bad(request: pytest.FixtureRequest, new_project: Callable[..., Project]) -> tuple[Project, str]:
    """A site in which each page fails in its own way, and what the strict build prints."""
    project = new_project(plugins="[literate, mkdocstrings]")
    settings = project.read("pyproject.toml").replace("timeout = 20", "timeout = 2")
    project.write("pyproject.toml", settings)
    for name, (page, _) in BAD.items():
        project.write(f"docs/{name}.md", page)
    project.write("docs/index.md", GOOD)
    project.write(
        "toy/bad.py",
        'def f():\n    """F.\n\n    >>> 1\n    1\n\n    >>> f()\n    2\n    """\n    return 1\n'
        '\n\ndef g():\n    """G is good."""\n',
    )
    fenced = f'"""Doc.\n\nText.\n\n{EXEC}\n>>> 1\n1\n\n```\n"""\n'
    project.write("toy/fenced.py", fenced)
    project.write("toy/broken.py", '"""\n>>> 1\n1\n"""\nundefined\n')
    status, output = project.build("--strict", tool=request.param)
    assert status == 1
    assert "Aborted with" in output
    return project, output


Bad = tuple["Project", str]


@pytest.mark.parametrize("name", [name for name in BAD if BAD[name][1]])
def test_failure_is_a_warning_with_place_source_expected_and_got(name: str, bad: Bad) -> None:
    assert re.search(rf"WARNING -  docs/{name}\.md:{BAD[name][1]}", bad[1]), bad[1]


@pytest.mark.parametrize("place", MODULES)
def test_failing_docstring_fails_the_page_that_includes_it(place: str, bad: Bad) -> None:
    project, output = bad
    assert re.search(f"WARNING -  {re.escape(place)}: {MODULES[place]}", output), output
    page = "docstring" if "bad" in place else "broken"
    for name in (page, "package"):
        assert place in text(project.read(f"site/{name}.html"))
    assert place not in text(project.read("site/mismatch.html"))


def test_failing_docstring_is_marked_where_it_stands(bad: Bad) -> None:
    page = bad[0].read("site/module.html")
    before, _, rest = page.partition('<div class="literate-failed">')
    assert re.search(r'id="toy.bad.f"[^>]*>((?!<h\d).)*</h\d>$', before, re.DOTALL)
    assert text(rest).index("Expected") < text(rest).index("G is good.")
    assert rest.count('class="literate-failed"') == 0


def test_nothing_else_is_warned_of(bad: Bad) -> None:
    places = set(re.findall(r"WARNING -  (?:a )?(\S+?):\d+:", bad[1]))
    assert places == {f"docs/{name}.md" for name in BAD if BAD[name][1]} | {
        "toy/bad.py",
        "toy/broken.py",
        "docstring",
    }


def test_live_fence_in_a_docstring_is_refused(bad: Bad) -> None:
    message = 'a docstring:1: pycon exec="1" works in pages only'
    assert f"WARNING -  {message}\n    >>> 1\n" in bad[1]
    assert message in text(bad[0].read("site/fenced.html"))


def test_block_that_is_not_run_is_marked(bad: Bad) -> None:
    for name in ("front", "option", "mistyped"):
        assert '<div class="literate literate-failed"><pre>' in bad[0].read(f"site/{name}.html")


def test_failing_page_is_there_with_both_outputs(bad: Bad) -> None:
    page = bad[0].read("site/mismatch.html")
    assert '<div class="literate literate-failed" id="example-1">' in page
    assert ">>> 1 +  1\n2\ndocs/mismatch.md:8 the recorded" in text(page)
    assert "Expected3\nGot2\n" in text(page)
    assert "2 examples ran on this page" in page
    assert "1 failed." in page
    assert '<span class="live live-failed" title="1 + 1">recorded 3, live 2</span>' in bad[0].read(
        "site/inline.html"
    )
    assert ">>> 1\n2" not in text(page)
    assert "literate-failed" in bad[0].read("site/hidden.html")


@pytest.mark.parametrize(
    "name", ["option", "unclosed", "noexec", "prompt", "malformed", "language"]
)
def test_problem_is_shown_on_its_page(name: str, bad: Bad) -> None:
    page = bad[0].read(f"site/{name}.html")
    assert '<div class="literate-problems" role="alert">' in page
    assert f"docs/{name}.md:" in text(page)
    assert "1 failed." in page


def test_other_pages_of_a_failing_site_are_built(bad: Bad) -> None:
    page = bad[0].read("site/index.html")
    assert "18 examples ran on this page" in page
    assert "failed" not in page


def test_build_that_is_not_strict_warns_and_goes_on(project: Project) -> None:
    project.write("docs/index.md", "`={1} 2`\n")
    status, output = project.build()
    assert status == 0
    assert "docs/index.md:1: the recorded output" in output
    assert "1 examples ran, 1 failed" in output


@pytest.mark.skipif(os.cpu_count() == 1, reason="pages run one after the other")
def test_pages_run_at_once_while_the_first_is_converted(project: Project) -> None:
    for mine, other in (("index", "b"), ("b", "index")):
        project.write(
            f"docs/{mine}.md",
            f"{EXEC}\n>>> import time, pathlib\n>>> pathlib.Path('{mine}').touch()\n"
            f">>> while not pathlib.Path('{other}').exists(): time.sleep(0.01)\n```\n",
        )
    status, output = project.build("--strict")
    assert status == 0, output


def test_text_that_another_plugin_changed_says_so(project: Project) -> None:
    project.write("docs/index.md", "---\ntitle: x\n---\n\n`={1} 2` and `={2} 2`\n")
    project.write(
        "hook.py", "def on_page_markdown(markdown, **_):\n    return 'Added.\\n\\n' + markdown\n"
    )
    project.write("mkdocs.yml", project.read("mkdocs.yml") + "hooks: [hook.py]\n")
    status, output = project.build("--strict")
    assert status == 1
    assert "docs/index.md (as another plugin changed it):3: the recorded output" in output
    page = project.read("site/index.html")
    assert 'live-failed" title="1">recorded 1' not in page
    assert '<span class="live" title="2">2</span>' in page


def test_settings_that_are_wrong_or_missing(project: Project) -> None:
    project.write("docs/index.md", "x\n")
    project.write("pyproject.toml", "[tool.literate]\npage = []\n")
    status, output = project.build()
    assert status == 1
    assert "literate: tool.literate.page = [] is not a setting of literate" in output
    assert "Traceback" not in output
