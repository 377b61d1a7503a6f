"""What the README promises of the project's set-up."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from mkdocs.config import load_config
from mkdocs.structure.files import get_files
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from literate.preview import Site

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def readme_commands() -> list[str]:
    return [line for line in README.splitlines() if line.startswith("pip install -c")]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pairs}


# What the torch of PyPI brings on Linux, each in the one version that it demands.
CUDA = re.compile(r"(nvidia|cuda|triton)\b")


def installed_for(requirements: list[str], extras: frozenset[str] = frozenset()) -> set[str]:
    """The distributions that requirements bring, and what these bring in turn."""
    found: set[str] = set()
    pending = [(Requirement(text), extras) for text in requirements]
    while pending:
        requirement, active = pending.pop()
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": extra}) for extra in active or {""}):
            continue
        name = canonicalize_name(requirement.name)
        if name == "selfattn" or name in found or CUDA.match(name):
            continue
        found.add(name)
        needs = distribution(name).requires or []
        pending += [(Requirement(text), frozenset(requirement.extras)) for text in needs]
    return found


def test_the_readme_has_two_commands() -> None:
    assert readme_commands() == [
        'pip install -c constraints.txt -e ".[docs]" && mkdocs serve',
        'pip install -c constraints.txt -e ".[test]" && pytest',
    ]


def test_ci_runs_the_test_command_of_the_readme() -> None:
    lines = (ROOT / ".ci/run").read_text("utf-8").splitlines()
    assert readme_commands()[1] in lines
    assert "mkdocs build --strict" in "\n".join(lines)
    assert "properdocs build --strict" in "\n".join(lines)


def test_the_workflow_runs_ci() -> None:
    assert "bash .ci/run" in (ROOT / ".github/workflows/site.yml").read_text("utf-8")


@pytest.mark.parametrize("name", ["site.yml", "nightly.yml"])
def test_a_workflow_pins_its_actions_and_may_only_read(name: str) -> None:
    text = (ROOT / ".github/workflows" / name).read_text("utf-8")
    actions = re.findall(r"uses: (\S+)", text)
    assert actions
    assert [action for action in actions if not re.search(r"@[0-9a-f]{40}$", action)] == []
    assert "\npermissions:\n  contents: read\n\n" in text


@pytest.mark.parametrize("extra", ["docs", "test"])
def test_the_constraints_pin_everything_that_is_installed(extra: str) -> None:
    extras = PROJECT["optional-dependencies"]
    requirements = [*PROJECT["dependencies"], *extras["docs"], *extras[extra]]
    names = installed_for(requirements)
    assert sorted(names - set(pins())) == []
    versions = {name: distribution(name).version.split("+")[0] for name in names}
    assert versions == {name: pins()[name] for name in names}


def test_every_install_command_is_constrained() -> None:
    workflows = [ROOT / ".github/workflows" / name for name in ("site.yml", "nightly.yml")]
    files = [ROOT / "README.md", ROOT / ".ci/run", *workflows]
    text = "".join(file.read_text("utf-8") for file in files)
    commands = re.findall(r"pip install[^\n]*-e[^\n]*", text)
    assert len(commands) == 6
    assert all("-c constraints.txt" in command for command in commands)


def test_a_page_of_this_site_can_be_rebuilt_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_MKDOCS_2_WARNING", "1")
    config = load_config(str(ROOT / "mkdocs.yml"))
    site = Site(config, get_files(config), *[MagicMock() for _ in range(4)])
    assert site.plain
