"""Prose in the Markdown that is understood everywhere."""

from __future__ import annotations

import pytest

from literate.plain import plain, site_link

SITE = site_link("https://a.b/c/", "one.md", {"one.md": "one/", "two.md": "two/", "i.svg": "i.svg"})


def nowhere(target: str) -> str:
    return ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("## Title {#title}\n\nText.", "## Title\n\nText."),
        ("Term {: #term .big }\n:   What it is.", "Term\n:   What it is."),
        ("A set `{#a}` and $\\{.5\\}$ stay.", "A set `{#a}` and $\\{.5\\}$ stay."),
        ("[f][m.f], [`f`][m.f], [f()][m.f], [m.f][].", "`f`, `f`, `f()`, `m.f`."),
        ("The [way there][m.f] and [this][1] text.", "The way there and [this][1] text."),
        ("[Two](two.md#x), [out](https://x.y/z).", "Two, [out](https://x.y/z)."),
        ("[a\nlong `code` text](two.md 'not read')", "[a\nlong `code` text](two.md 'not read')"),
        ("![Picture](i.svg)", "Picture"),
        ("`[f][m.f]` and $[a](b)$", "`[f][m.f]` and $[a](b)$"),
        ("$$\n[a](b)\n$$", "$$\n[a](b)\n$$"),
        ("It costs \\$5 or [more](two.md), not \\$6.", "It costs \\$5 or more, not \\$6."),
        ("Far\n\n\n\napart", "Far\n\napart"),
    ],
)
def test_what_a_site_adds_becomes_plain(text: str, expected: str) -> None:
    assert plain(text, nowhere) == expected


def test_links_lead_to_the_site_if_it_is_known() -> None:
    text = 'To [a\n`two`](two.md#x "title"), [here](#top), ![i](i.svg), [lost](lost.md).'
    expected = (
        "To [a\n`two`](https://a.b/c/two/#x), [here](https://a.b/c/one/#top),"
        " ![i](https://a.b/c/i.svg), lost."
    )
    assert plain(text, SITE) == expected


def test_a_site_without_an_address_has_no_links() -> None:
    link = site_link("", "one.md", {"one.md": "one/"})
    assert link("") == link("one.md") == ""


def test_a_quoted_formula_stands_on_one_line() -> None:
    text = "Text\n$a\n+ b$ and\n\n$$\nx \\\\\n- y\n$$"
    assert plain(text, nowhere, quoted=True) == "Text\n$a + b$ and\n\n$$ x \\\\ - y $$"
    assert plain(text, nowhere) == text
