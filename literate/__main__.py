"""The command line: `python -m literate refresh [--check] [FILES]`, `python -m literate clean`."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

from literate.cache import Cache
from literate.config import Config
from literate.refresh import refresh


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0 if all is as recorded or was made so."""
    parser = argparse.ArgumentParser(prog="python -m literate")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser(
        "refresh", help="rewrite recorded outputs that are not the live ones, and print the changes"
    )
    command.add_argument("--check", action="store_true", help="write nothing; exit 1 if any differ")
    command.add_argument("files", nargs="*", type=Path, help="pages and modules; default: all")
    commands.add_parser("clean", help="forget what pages did, so that the next build runs them all")
    options = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a diff may hold any character
    try:
        config = Config.find(Path.cwd())
        if options.command == "clean":
            Cache(config).clean()
            return 0
        files = options.files or config.files
        return refresh(config, files, check=options.check)
    except (OSError, ValueError) as error:
        print(f"literate: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
