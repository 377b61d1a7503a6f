"""Pages that run and prove themselves.

One block of a page is prompts with their recorded output. The same parser
([`literate.fences`][], [`literate.docstrings`][]), the same runner
([`literate.runner`][]) and the same checker ([`literate.checker`][]) serve
three uses: the site's build shows the live output, `pytest` verifies the
recorded one, and `python -m literate refresh` rewrites it.
"""
