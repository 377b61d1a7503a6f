from __future__ import annotations

import io
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st

from literate import mathfont
from literate.cache import Cache
from literate.config import Config
from literate.math import to_mathml

TEX = [
    r"\operatorname{softmax}(\omega)_i = \frac{\exp(\omega_i)}{\sum_{j=0}^{S-1} \exp(\omega_j)}",
    r"\left( \frac{Q K^\top}{\sqrt{d_k}} \right) V \in \mathbb{R}^{T \times d}, \quad f'(x)",
    r"\underbrace{\mathbf{x} + \hat{y}}_{\text{sum}} \left\{ \left[ h \right] \right\}",
    r"\lVert z \rVert",
]
PAGE = "<p>Щ §</p>" + "".join(to_mathml(tex, display=True) for tex in TEX)


def load(data: bytes) -> TTFont:
    return TTFont(io.BytesIO(data))


@pytest.fixture(scope="module")
def font() -> TTFont:
    return load(mathfont.subset([PAGE]))


def test_has_each_character_of_the_formulas(font: TTFont) -> None:
    whole = TTFont(mathfont._source()).getBestCmap()
    wanted = {ord(character) for character in mathfont.characters([PAGE])} & set(whole)
    assert wanted <= set(font.getBestCmap())
    assert {ord(character) for character in "∑⊤′√⏟ℝ𝐱‖softmax01"} <= wanted


def test_has_the_italic_form_of_each_variable(font: TTFont) -> None:
    assert {ord(character) for character in "𝜔𝑖𝑗𝑆𝑄𝐾𝑉𝑇𝑑ℎ"} <= set(font.getBestCmap())


def test_upright_form_of_a_variable_is_not_needed(font: TTFont) -> None:
    assert not {ord(character) for character in "ωijSQKV"} & set(font.getBestCmap())


@pytest.mark.parametrize(
    ("tex", "display", "depths"),
    [
        ("x", True, {"𝑥": 0}),
        ("x_i", True, {"𝑥": 0, "𝑖": 1}),
        ("x_i^2", True, {"𝑥": 0, "𝑖": 1, "2": 1}),
        ("x^{y_i}", True, {"𝑥": 0, "𝑦": 1, "𝑖": 2}),
        ("x_i + i", True, {"𝑥": 0, "𝑖": 1}),
        ("x_{ij+1}", True, {"𝑥": 0, "𝑖": 1, "𝑗": 1, "1": 1}),
        (r"\sum_{i=0}^n k", True, {"∑": 0, "𝑖": 1, "0": 1, "𝑛": 1, "𝑘": 0}),
        (r"x_{\text{max}}", True, {"𝑥": 0, "m": 0, "a": 0}),
        (r"\sqrt{x}", True, {"𝑥": 0}),
        (r"\frac{x}{y}", True, {"𝑥": 0, "𝑦": 0}),
        (r"\frac{x}{y}", False, {"𝑥": 1, "𝑦": 1}),
        (r"\frac{x_i}{2}", False, {"𝑥": 1, "𝑖": 2, "2": 1}),
    ],
)
def test_depth_in_scripts(tex: str, display: bool, depths: dict[str, int]) -> None:
    found = mathfont.characters([to_mathml(tex, display=display)])
    assert {character: found[character] for character in depths} == depths


def test_depth_is_the_largest_of_all_formulas() -> None:
    pages = [to_mathml(tex, display=True) for tex in ("i", "x^{y_i}", "x_i")]
    assert mathfont.characters(pages)["𝑖"] == 2


def test_tag_too_many_does_no_harm() -> None:
    assert mathfont.characters(["<math></mi></mi></mi><mn>7</mn></math>"])["7"] == 0


def alternates(tex: str) -> dict[str, int]:
    """How many letterforms for scripts a font has of each character of a formula."""
    font = load(mathfont.subset([to_mathml(tex, display=True)]))
    names = {name: chr(code) for code, name in font.getBestCmap().items()}
    lookups = font["GSUB"].table.LookupList.Lookup if "GSUB" in font else []
    parts = [part.alternates for lookup in lookups for part in lookup.SubTable]
    return {names[name]: len(forms) for part in parts for name, forms in part.items()}


@pytest.mark.parametrize(
    ("tex", "found"),
    [("x + y", {}), ("x_i", {"𝑖": 1}), ("x_{i^k}", {"𝑖": 1, "𝑘": 2}), (r"x_{\text{max}}", {})],
)
def test_script_forms_are_there_as_deep_as_they_are_used(tex: str, found: dict[str, int]) -> None:
    assert alternates(tex) == found


def test_has_no_other_character(font: TTFont) -> None:
    assert not {ord(character) for character in "Щ§∮ℚ𝑤"} & set(font.getBestCmap())
    assert len(font.getBestCmap()) < 90


def test_page_without_formula() -> None:
    assert mathfont.characters(["<p>Text, $5.</p>"]).keys() == set(" √")
    assert "MATH" in load(mathfont.subset(["<p>Text</p>"]))


def test_keeps_the_math_table_with_larger_forms(font: TTFont) -> None:
    forms = dict(mathfont._growing(font))
    for sign in "([{√∑":
        assert len(forms[font.getBestCmap()[ord(sign)]].MathGlyphVariantRecord) > 1
    constants = font["MATH"].table.MathConstants
    assert constants.AxisHeight.Value > 0


def test_radical_signs_are_about_as_wide_as_the_small_one(font: TTFont) -> None:
    forms = dict(mathfont._growing(font))[font.getBestCmap()[ord("√")]]
    widths = [font["hmtx"][form.VariantGlyph][0] for form in forms.MathGlyphVariantRecord]
    assert max(widths) <= 900
    assert min(widths) > 750
    assert forms.GlyphAssembly is None


def test_radical_signs_reach_their_height(font: TTFont) -> None:
    forms = dict(mathfont._growing(font))[font.getBestCmap()[ord("√")]].MathGlyphVariantRecord
    heights = [form.AdvanceMeasurement for form in forms]
    boxes = [font["glyf"][form.VariantGlyph] for form in forms]
    assert [box.yMax - box.yMin for box in boxes] == pytest.approx(heights, abs=2)
    assert heights == sorted(heights)
    assert heights[-1] > 5800
    assert {box.yMin for box in boxes} == {-265}


def test_parts_of_tall_signs_have_no_space_at_their_sides(font: TTFont) -> None:
    for sign in "()[]{}‖":
        forms = dict(mathfont._growing(font))[font.getBestCmap()[ord(sign)]]
        parts = [part.glyph for part in forms.GlyphAssembly.PartRecords]
        assert min(font["glyf"][part].xMin for part in parts) == 0
        right = max(font["glyf"][part].xMax for part in parts)
        assert {font["hmtx"][part] for part in parts} == {
            (right, font["glyf"][part].xMin) for part in parts
        }


def test_script_forms_are_there_for_any_script(font: TTFont) -> None:
    table = font["GSUB"].table
    assert [record.ScriptTag for record in table.ScriptList.ScriptRecord] == ["DFLT"]
    assert [record.FeatureTag for record in table.FeatureList.FeatureRecord] == ["ssty"]
    (lookup,) = table.LookupList.Lookup
    alternates = {key for part in lookup.SubTable for key in part.alternates}
    assert font.getBestCmap()[ord("′")] in alternates


def test_names_its_license(font: TTFont) -> None:
    assert "STIX Fonts Project Authors" in font["name"].getDebugName(0)
    assert "SIL Open Font License" in font["name"].getDebugName(13)


def test_same_characters_give_the_same_bytes() -> None:
    first = mathfont.subset([PAGE])
    mathfont._subset.cache_clear()
    assert mathfont.subset([*reversed(PAGE.split("<p>")), PAGE]) == first


def test_is_small() -> None:
    assert len(mathfont.subset([PAGE])) < 32_000


def test_write(tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text(PAGE, encoding="utf-8")
    path = mathfont.write(tmp_path)
    assert path == tmp_path / "assets" / "fonts" / "stix-two-math.woff2"
    assert path.read_bytes() == mathfont.subset([PAGE])
    license_text = path.with_suffix(".txt").read_text(encoding="utf-8")
    assert license_text.startswith("Copyright 2001-2020 The STIX Fonts Project Authors")
    assert "SIL OPEN FONT LICENSE" in license_text


def test_font_for_the_same_characters_is_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(Config(tmp_path))
    page = tmp_path / "site" / "index.html"
    page.parent.mkdir()
    page.write_text(PAGE, encoding="utf-8")
    made = mathfont.write(page.parent, cache).read_bytes()
    assert made == mathfont.subset([PAGE])
    monkeypatch.setattr(mathfont, "_subset", lambda wanted: f"{len(wanted)}".encode())
    page.write_text(f"<p>{PAGE}</p>", encoding="utf-8")
    assert mathfont.write(page.parent, cache).read_bytes() == made
    page.write_text(PAGE.replace("</math>", "<mo>\u2254</mo></math>", 1), encoding="utf-8")
    assert len(mathfont.write(page.parent, cache).read_bytes()) < 5


def test_style_sheet_loads_the_font_that_is_written(tmp_path: Path) -> None:
    sheet = Path(__file__).parents[2] / "docs" / "assets" / "stylesheets" / "math.css"
    target = mathfont.write(tmp_path).relative_to(tmp_path / "assets")
    assert f'url("../{target.as_posix()}")' in sheet.read_text(encoding="utf-8")


@settings(max_examples=10, deadline=None)
@given(st.text(max_size=5))
def test_any_text_of_a_formula_gives_a_font(text: str) -> None:
    page = f"<math><mtext>{text.replace('<', '&lt;')}</mtext></math>"
    assert "MATH" in load(mathfont.subset([page]))
