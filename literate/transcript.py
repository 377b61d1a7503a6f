r"""Show a block as a REPL would have: statements, live outputs, figures, and what went wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from html import escape

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonConsoleLexer

from literate import captions
from literate.examples import Block, Example, without_directives
from literate.figures import Figure, scoped
from literate.report import Failure, Report, Result

# One of each for all blocks: to make a formatter takes longer than to use it.
# With stripnl, Pygments would drop blank lines at the end of an output.
_LEXER, _FORMATTER = PythonConsoleLexer(stripnl=False), HtmlFormatter(nowrap=True)
# Names, numbers and operators are most of a page's elements, and look like the text around them.
_PLAIN = re.compile(r'<span class="(?:m[fi]|n[cfn]?|ow?|w)">([^<]*)</span>')
_TAG = re.compile(r"\s*<([\w-]+)")


def block_html(block: Block, report: Report, identifier: str) -> str:
    """The HTML of a live block; an empty mark where it is hidden and as it should be.

    Args:
        block: The block.
        report: What the examples of its page did.
        identifier: The element's id, and the prefix of all ids in its figures.
    """
    results = report.of(block)
    failures = [result.failure for result in results if result.failure]
    if block.hide and not failures:
        # The mark by which the page knows that Markdown took the block's fence for one.
        return f'<div id="{identifier}" hidden></div>'
    classes = _classes("literate", block, failed=bool(failures))
    drawn = [each for result in results if result.outcome for each in result.outcome.figures]
    parts = [f'<div class="{classes}" id="{identifier}"{_shows(drawn)}>']
    parts += _segments(block, results, identifier, report.transcripts)
    parts += map(verdict_html, failures)
    if block.skip:
        parts.append(_note(f"Not run: {block.skip}"))
    elif block.measured:
        parts.append(_note("Measured while this page was built; it differs from run to run."))
    parts.append("</div>")
    last = results[-1].outcome if results else None
    return "".join(parts) + (captions.END if last and last.figures else "")


def _classes(name: str, block: Block, *, failed: bool) -> str:
    kinds = {"failed": failed, "skipped": bool(block.skip), "measured": block.measured}
    kind = next((kind for kind, applies in kinds.items() if applies), "")
    return f"{name} {name}-{kind}" if kind else name


def _shows(figures: Iterable[Figure]) -> str:
    """The attribute that tells a style sheet which elements the figures are.

    A style sheet that asked by `:has` would have whole pages looked at whenever a figure changes.
    """
    tags = [found[1] for figure in figures if (found := _TAG.match(figure.markup))]
    return f' data-shows="{" ".join(dict.fromkeys(tags))}"' if tags else ""


def _note(text: str) -> str:
    return f'<p class="literate-note">{escape(text)}</p>'


def transcripts(report: Report) -> dict[str, str]:
    """The texts that a page's blocks show, and the HTML of each, which takes longest to make."""
    blocks = [
        each for script in report.document.scripts if not script.module for each in script.blocks
    ]
    shown = [block for block in blocks if not block.inline and not block.hide]
    texts = [text for block in shown for text, _, _ in _statements(block, report.of(block))]
    return {text: _spans(text, report.transcripts) for text in texts}


def _spans(text: str, known: Mapping[str, str]) -> str:
    """The HTML of a transcript, kept or made."""
    return known.get(text) or _highlighted(text)


def _statements(
    block: Block, results: Sequence[Result]
) -> Iterator[tuple[str, Example, tuple[Figure, ...]]]:
    """Each statement with its output as a text, and the figures to be set after it."""
    outputs = [_output(result) for result in results] or [
        (example.want, ()) for example in block.examples
    ]
    for example, (output, figures) in zip(block.examples, outputs, strict=True):
        yield f"{without_directives(example.shown)}\n{output}", example, figures


def _segments(
    block: Block, results: Sequence[Result], identifier: str, known: Mapping[str, str]
) -> Iterator[str]:
    """Transcripts, each ended by the figures of its last statement."""
    sources, spans = "", ""
    title, count = block.title, 0
    for text, example, figures in _statements(block, results):
        sources += without_directives(example.source)
        spans += _spans(text, known)
        if figures:
            yield _code(sources, spans, title)
            sources = spans = title = ""
        for figure in figures:
            count += 1
            markup = scoped(figure.markup, f"{identifier}-{count}-")
            yield (
                # A search is for words, and not for the numbers that a drawing is full of.
                f'<figure class="literate-figure"{_shows([figure])}>'
                f"<div data-search-exclude>{markup}</div>"
                f"{captions.slot(example.line)}</figure>"
            )
    if spans:
        yield _code(sources, spans, title)


def _output(result: Result) -> tuple[str, tuple[Figure, ...]]:
    if result.outcome is None:
        return "", ()
    text = result.outcome.got
    for figure in reversed(result.outcome.figures):
        before, _, after = text.rpartition(figure.text)  # the picture stands for the echo
        text = before + after
    return text, result.outcome.figures


def _code(source: str, spans: str, title: str) -> str:
    caption = f'<span class="filename">{escape(title)}</span>' if title else ""
    return (
        f'<div class="highlight" data-copy="{escape(source)}">{caption}'
        f"<pre><span></span><code>{spans}</code></pre></div>"
    )


@lru_cache(maxsize=4096)
def _highlighted(transcript: str) -> str:
    return _PLAIN.sub(r"\1", str(highlight(transcript, _LEXER, _FORMATTER)))


def verdict_html(failure: Failure) -> str:
    """What is wrong at a place, to stand there."""
    place = f"{failure.path}:{failure.line}"
    parts = [f'<div class="literate-verdict" role="alert"><p><strong>{escape(place)}</strong> ']
    parts.append(f"{escape(failure.message)}</p>")
    for name, text in (("Expected", failure.want), ("Got", failure.got)):
        if text is not None:
            parts.append(f"<p>{name}</p><pre><code>{escape(text) or '(nothing)'}</code></pre>")
    return "".join([*parts, "</div>"])


def inline_html(result: Result) -> str:
    """The HTML of a live number in a sentence, with its expression as a tooltip.

    A failing one shows both what was recorded and what was got.
    """
    expression = result.example.shown[2:-1]
    got = result.outcome.got.strip() if result.outcome else ""
    if result.failure:
        got = f"recorded {result.example.want.strip()}, live {got.splitlines()[-1] if got else '?'}"
    classes = _classes("live", result.block, failed=bool(result.failure))
    return f'<span class="{classes}" title="{escape(expression)}">{escape(got)}</span>'


def problems_html(failures: Sequence[Failure]) -> str:
    """What is wrong with a page as a whole, to stand at its top."""
    if not failures:
        return ""
    items = "".join(f"<li><pre><code>{escape(str(each))}</code></pre></li>" for each in failures)
    return (
        '<div class="literate-problems" role="alert">'
        f"<p><strong>This page is not verified.</strong></p><ul>{items}</ul></div>"
    )


def line_html(reports: Sequence[Report], versions: Sequence[str]) -> str:
    """The line at a page's end: how many examples ran and how they fared."""
    blocks = [block for report in reports for block in report.document.blocks]
    skipped = sum(len(block.examples) for block in blocks if block.skip)
    measured = any(block.measured for block in blocks)
    outcomes = [result.outcome for report in reports for result in report.results]
    count = sum(outcome is not None for outcome in outcomes)
    failed = sum(len(report.failures) for report in reports)
    if not count and not skipped and not failed:
        text = "There is no example on this page."
    elif not all(report.ran for report in reports):
        text = f"Nothing was run when this page was built: {_counted(count)} with recorded output"
        text += f"; {failed} failed." if failed else "."
    else:
        seconds = sum(report.seconds for report in reports)
        machine = f" with {', '.join(versions)}" if versions else ""
        text = f"{_counted(count)} ran on this page in {seconds:.2f} s{machine}: "
        kept = "every output that is not measured" if measured else "every output"
        text += f"{failed} failed" if failed else f"{kept} is the recorded one"
        text += f"; {_counted(skipped)} skipped." if skipped else "."
    return f'<p class="literate-line" data-search-exclude>{escape(text)}</p>'


def _counted(number: int) -> str:
    return f"{number} example{'' if number == 1 else 's'}"
