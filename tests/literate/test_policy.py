from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from mkdocs.config.defaults import MkDocsConfig

from literate.policy import ContentSecurityPolicy, policy, with_policy

if TYPE_CHECKING:
    from .conftest import Project

    NewProject = Callable[..., Project]


def digest(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def sources(text: str, name: str) -> list[str]:
    """What a policy allows for one kind of thing."""
    rules = dict(rule.split(" ", 1) for rule in text.split("; "))
    return rules[name].split()


def test_policy_allows_the_inline_scripts_of_the_page_and_no_others() -> None:
    found = policy("<script>a()</script><p>b()</p><script defer>\n c() </script>")
    assert sources(found, "script-src") == ["'self'", digest("a()"), digest("\n c() ")]


def test_script_that_stands_twice_is_named_once() -> None:
    found = policy("<script>a()</script><script>a()</script>")
    assert sources(found, "script-src") == ["'self'", digest("a()")]


@pytest.mark.parametrize(
    "html",
    [
        '<script src="a.js"></script>',
        '<script type="application/json">{"a": 1}</script>',
        '<script id="x" type=application/json>{}</script>',
    ],
)
def test_files_and_data_need_no_hash(html: str) -> None:
    assert sources(policy(html), "script-src") == ["'self'"]


def test_line_ends_are_hashed_as_the_browser_reads_them() -> None:
    assert policy("<script>a\r\nb\rc</script>") == policy("<script>a\nb\nc</script>")


def test_nothing_is_allowed_that_is_not_named() -> None:
    assert sources(policy(""), "default-src") == ["'none'"]
    assert "unsafe-inline" not in policy("").replace("style-src-attr 'unsafe-inline'", "")


STYLED = "<head><link rel=stylesheet href=a.css>"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (STYLED, "<SCRIPT>a()</SCRIPT><script src=b.js></script></head><body></body>"),
        (STYLED, "</head><body><script>a()</script></body>"),
    ],
    ids=["script in head", "script in body"],
)
def test_policy_stands_after_the_style_sheets_and_before_all_scripts(
    before: str, after: str
) -> None:
    found = with_policy(before + after)
    assert found.startswith(f'{before}<meta http-equiv="Content-Security-Policy" content="')
    assert found.endswith(f'">{after}')


def test_page_without_a_head_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no script and no </head> .* '<p>text'"):
        with_policy("<p>text")


HEAD = '<head><meta charset="utf-8"><script>a()</script></head>'


def test_plugin_adds_the_policy_to_pages_and_templates(new_project: NewProject) -> None:
    project = new_project(plugins="[literate, content-security-policy]")
    project.write("docs/index.md", "# T\n")
    project.write("theme/main.html", f"{HEAD}{{{{ page.content }}}}")
    project.write("theme/404.html", HEAD)
    settings = project.read("mkdocs.yml")
    theme = "custom_dir: theme, static_templates: [404.html]"
    project.write("mkdocs.yml", settings.replace("custom_dir: theme", theme))
    status, printed = project.build("--strict")
    assert status == 0, printed
    for name in ("index.html", "404.html"):
        html = project.read(f"site/{name}")
        assert html.startswith(with_policy(HEAD)), name


def test_page_that_is_served_for_writing_has_no_policy() -> None:
    plugin = ContentSecurityPolicy()
    plugin.on_startup(command="serve", dirty=False)
    assert plugin.on_post_page(HEAD) == HEAD
    assert plugin.on_post_template(HEAD, template_name="404.html", config=MkDocsConfig()) == HEAD


def test_template_that_is_no_page_is_left_as_it_is() -> None:
    text = '<urlset xmlns="a"/>'
    given = ContentSecurityPolicy().on_post_template(
        text, template_name="sitemap.xml", config=MkDocsConfig()
    )
    assert given == text
