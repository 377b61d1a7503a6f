"""Change the code in small ways and count the changes that the tests notice.

`python benchmarks/mutation.py [--only PATTERN] [--again] [--sample N] [--processes N]`

`mutation.toml` says what is mutated and which tests may notice, and lists the mutants that none
notices, each with the reason. A mutant runs in a copy of the project. The process that runs its
tests is forked from one that has imported torch and pytest, so that a mutant takes about as long as
its tests: first those that run the changed lines, from the fastest to the slowest, then the
examples of docstrings and pages. A mutant is killed when one of them fails, or when they hang.

Neither mutmut nor Cosmic Ray fits: the one imports the package before pytest does, which the
annotation checker of the tests refuses, and leaves out code outside of functions; the other starts
a process for each mutant, and so imports torch for each.

The exit status is 1 if less than 95 percent of the mutants are killed, if one survives without a
reason, or if a reason is for a mutant that does not exist or is killed.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import coverage
import pytest
from mutants import Mutant, mutants

ROOT = Path(__file__).resolve().parent.parent
LAST = ROOT / ".cache" / "mutation.jsonl"
GOAL = 95
# The seconds from which a test is left to the module that it is named after.
SLOW = 6
OPTIONS = ["-x", "-q", "--no-cov", "--no-header", "--tb=line", "--assert=plain"]
OPTIONS += ["-p", "no:cacheprovider"]
# Imported before the forks: all that is slow and not mutated.
SHARED = ["torch", "numpy", "hypothesis", "beartype", "jaxtyping", "markdown", "pygments"]


FAILED = re.compile(r"^FAILED ([^\s\[]+)", re.MULTILINE)
# Arguments of pytest, and the seconds that they take without a mutant.
Stage = tuple[list[str], float]


@dataclass(frozen=True)
class Part:
    """Modules that are mutated, and what may notice.

    Attributes:
        modules: Patterns of their paths.
        tests: Paths of their tests, which run in the process that has the mutant.
        examples: Files with examples, which run in worker processes.
    """

    modules: list[str]
    tests: list[str]
    examples: list[str]


@dataclass
class Baseline:
    """What the tests of a part do without a mutant.

    Attributes:
        seconds: How long each test takes.
        running: The tests that run a line, given its module and number.
        kills: How many mutants of a module a test has noticed so far.
    """

    seconds: dict[str, float]
    running: dict[str, dict[int, list[str]]]
    kills: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def stages(self, mutant: Mutant) -> list[Stage]:
        """The tests that may notice, in three parts, each with fast ones first.

        Those that have noticed most in the module, the others of the module, and all others that
        are not slow.
        """
        lines = self.running.get(mutant.path, {})
        running = {test for line in mutant.lines for test in lines.get(line, ())}
        mirror = f"/test_{Path(mutant.path).stem}.py::"
        tests = [
            test
            for test in sorted(running or self.seconds, key=lambda test: self.seconds[test])
            if mirror in test or self.seconds[test] < SLOW
        ]
        own = [test for test in tests if mirror in test] or tests
        kills = self.kills[mutant.path]
        first = sorted((test for test in tests if kills[test]), key=lambda test: -kills[test])[:8]
        second = [test for test in own if test not in first]
        parts = [first, second, [test for test in tests if test not in {*first, *second}]]
        return [(part, sum(map(self.seconds.__getitem__, part))) for part in parts]

    def learn(self, mutant: Mutant, log: str) -> None:
        """Remember which test has noticed a mutant."""
        for test in FAILED.findall(log):
            self.kills[mutant.path][test] += 1


class Recorder:
    """A plugin that measures each test and records which lines it runs."""

    def __init__(self) -> None:
        include = [str(Path.cwd() / name / "*") for name in ("selfattn", "literate")]
        self.coverage = coverage.Coverage(data_file=None, include=include, config_file=False)
        self.seconds: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up a test's phases."""
        self.seconds[_function(report.nodeid)] += report.duration

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Name a test's lines after it."""
        self.coverage.switch_context(_function(item.nodeid))
        return (yield)

    def baseline(self) -> dict[str, Any]:
        """What was recorded, to be written as JSON."""
        data = self.coverage.get_data()
        running = {
            Path(file).relative_to(Path.cwd()).as_posix(): {
                line: [context for context in contexts if context]
                for line, contexts in data.contexts_by_lineno(file).items()
            }
            for file in data.measured_files()
        }
        return {"seconds": self.seconds, "running": running}


def _function(nodeid: str) -> str:
    return nodeid.partition("[")[0]


def record(tests: list[str], file: Path) -> int:
    """Run tests without a mutant and write what they do."""
    recorder = Recorder()
    recorder.coverage.start()
    status = pytest.main([*OPTIONS, *tests], plugins=[recorder])
    recorder.coverage.stop()
    file.write_text(json.dumps(recorder.baseline()))
    return int(status)


class Copy:
    """A copy of the project, in which one mutant after the other takes its place."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        self.log = folder / "log"
        self.whole: dict[str, str] = {}
        names = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split("\0")
        for name in filter(None, names):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, self.root / name)

    def put(self, name: str, text: str) -> None:
        """Change a module."""
        file = self.root / name
        self.whole.setdefault(name, file.read_text("utf-8"))
        file.write_text(text, "utf-8")
        # Python would take its compiled file for the module, if size and second are the same.
        for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*"):
            compiled.unlink()

    def restore(self, name: str) -> None:
        """Take the change back."""
        self.put(name, self.whole[name])

    def fork(self, work: Callable[[], int]) -> int:
        """Run some work in the copy, in a process of its own, and give its id."""
        if pid := os.fork():
            return pid
        try:
            os.setsid()
            log = os.open(self.log, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
            os.dup2(log, 1)
            os.dup2(log, 2)
            # A mutant that eats memory is to fail, and not its neighbors.
            resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30))
            os.chdir(self.root)
            sys.path.insert(0, str(self.root))
            os.environ["PYTHONPATH"] = str(self.root)
            status = work()
        except BaseException as error:
            print(repr(error), flush=True)
            status = 99
        os._exit(status)


def stop(pid: int) -> None:
    """End a process and all that it has started."""
    os.killpg(pid, signal.SIGKILL)


@dataclass
class Run:
    """A mutant whose tests are running, stage by stage."""

    part: int
    mutant: Mutant
    stages: list[Stage]
    copy: Copy
    pid: int = 0
    left: float = 0.0

    def begin(self) -> None:
        """Start the next stage."""
        tests, seconds = self.stages.pop(0)
        self.pid = self.copy.fork(lambda: int(pytest.main([*OPTIONS, *tests])))
        # What hangs is known by far more than the time that the tests need on a busy machine.
        self.left = 30 + 5 * seconds


class Runner:
    """Runs mutants side by side."""

    def __init__(
        self,
        parts: Sequence[Part],
        needed: set[int],
        folder: Path,
        *,
        processes: int,
        quick: bool,
    ) -> None:
        self.parts, self.quick = parts, quick
        self.copies = [Copy(folder / str(number)) for number in range(processes)]
        self.baselines = {number: self._baseline(parts[number]) for number in needed}

    def _baseline(self, part: Part) -> tuple[Baseline, list[Stage]]:
        copy = self.copies[0]
        file = copy.log.with_name("baseline.json")
        self._must_pass(copy, lambda: record(part.tests, file))
        found = json.loads(file.read_text())
        running = {
            name: {int(line): tests for line, tests in lines.items()}
            for name, lines in found["running"].items()
        }
        examples = [] if self.quick else list(self._examples(copy, part))
        return Baseline(found["seconds"], running), examples

    def _examples(self, copy: Copy, part: Part) -> Iterator[Stage]:
        for file in part.examples:
            start = time.monotonic()
            self._must_pass(copy, lambda file=file: int(pytest.main([*OPTIONS, file])))
            yield [file], time.monotonic() - start

    def _must_pass(self, copy: Copy, work: Callable[[], int]) -> None:
        _, status = os.waitpid(copy.fork(work), 0)
        if status:
            raise SystemExit(f"the tests fail without a mutant:\n{copy.log.read_text()}")

    def results(self, waiting: Sequence[tuple[int, Mutant]]) -> Iterator[tuple[Mutant, str]]:
        """Each mutant with what became of it: killed, hung or survived."""
        pending, running = list(reversed(waiting)), {}
        free = list(self.copies)
        while pending or running:
            while pending and free:
                run = self._begin(*pending.pop(), free.pop())
                running[run.pid] = run
            pid, result = self._next(running)
            run = running.pop(pid)
            if result == "survived" and run.stages:
                run.begin()
                running[run.pid] = run
            else:
                run.copy.restore(run.mutant.path)
                self.baselines[run.part][0].learn(run.mutant, run.copy.log.read_text("utf-8"))
                free.append(run.copy)
                yield run.mutant, result

    def _begin(self, part: int, mutant: Mutant, copy: Copy) -> Run:
        baseline, examples = self.baselines[part]
        *own, others = baseline.stages(mutant)
        stages = own if self.quick else [*own, others, *examples]
        copy.put(mutant.path, mutant.text)
        run = Run(part, mutant, [stage for stage in stages if stage[0]], copy)
        run.begin()
        return run

    def _next(self, running: dict[int, Run]) -> tuple[int, str]:
        """Wait for the next stage that ends, and say how."""
        while True:
            start = time.monotonic()
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid in running:
                return pid, "killed" if status else "survived"
            for pid, run in running.items():
                if run.left < 0:
                    stop(pid)
                    os.waitpid(pid, 0)
                    return pid, "hung"
            time.sleep(0.02)
            # Where the machine or this process has been halted, so have the tests.
            for run in running.values():
                run.left -= min(time.monotonic() - start, 0.1)


class Progress:
    """Says on standard error how far a run is."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.start = total, 0, time.monotonic()
        self.shown = sys.stderr.isatty()

    def step(self, mutant: Mutant, result: str) -> None:
        """Count one mutant, and show it if no test noticed it."""
        self.done += 1
        if result == "survived":
            print(f"\r{described(mutant)}", file=sys.stderr, flush=True)
        if self.shown or self.done % 50 == 0:
            minutes = (time.monotonic() - self.start) / 60
            text = f"\r{self.done} of {self.total} mutants, {minutes:.1f} min "
            print(text, end="" if self.shown else "\n", file=sys.stderr, flush=True)


def described(mutant: Mutant) -> str:
    """A mutant as a reader looks for it."""
    path, _, name = mutant.place.partition(":")
    return f"{path}:{mutant.line} {name}\n  - {mutant.was}\n  + {mutant.now}"


def table(results: dict[Mutant, str]) -> str:
    """The score of each module and of all."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for mutant, result in results.items():
        counts[mutant.path][result] += 1
    counts["all"] = Counter(results.values())
    head = f"{'module':26}{'mutants':>9}{'killed':>9}{'hung':>9}{'survived':>10}{'score':>9}"
    rows = [
        f"{name:26}{each.total():9}{each['killed']:9}{each['hung']:9}{each['survived']:10}"
        f"{score(each):8.1f}%"
        for name, each in counts.items()
    ]
    return "\n".join([head, *rows])


def score(counts: Counter[str]) -> float:
    """The percentage of mutants that did not survive."""
    return 100 * (1 - counts["survived"] / max(counts.total(), 1))


def complaints(
    results: dict[Mutant, str], reasons: dict[tuple[str, str, str], str], known: set[Any]
) -> list[str]:
    """What is wrong with the score and the reasons."""
    survived = {mutant.key for mutant, result in results.items() if result == "survived"}
    found = [
        f"no reason is given for\n{described(mutant)}"
        for mutant, result in results.items()
        if result == "survived" and mutant.key not in reasons
    ]
    found += [
        f"a reason for a mutant that does not exist: {key}" for key in reasons if key not in known
    ]
    killed = {mutant.key for mutant in results} - survived
    found += [f"a reason for a mutant that is killed: {key}" for key in reasons if key in killed]
    if score(Counter(results.values())) < GOAL:
        found.append(f"less than {GOAL} percent are killed")
    return found


def main() -> int:
    """Run the mutants and print the score."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="*", help="a pattern of the modules to mutate")
    parser.add_argument("--again", action="store_true", help="without those killed the last time")
    parser.add_argument("--quick", action="store_true", help="only the tests of the mutated module")
    parser.add_argument("--sample", type=int, help="as many of them, by chance")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    settings = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
    parts = [Part(**part) for part in settings["part"]]
    reasons = {
        (each["at"], each["was"], each["now"]): each["why"] for each in settings.get("survivor", [])
    }
    everything = list(all_mutants(parts))
    chosen = [each for each in everything if fnmatch.fnmatch(each[1].place, f"{options.only}*")]
    if options.sample:
        chosen = Random(0).sample(chosen, min(options.sample, len(chosen)))
    before = killed_before() if options.again else {}
    LAST.parent.mkdir(exist_ok=True)
    if not options.again:
        LAST.write_text("")
    waiting = [(part, mutant) for part, mutant in chosen if mutant.key not in before]
    found = run(parts, waiting, processes=options.processes, quick=options.quick)
    results = {mutant: found.get(mutant) or before[mutant.key] for _, mutant in chosen}
    print(table(results))
    wrong = complaints(results, reasons, {mutant.key for _, mutant in everything})
    print(*wrong, sep="\n")
    return int(bool(wrong))


def killed_before() -> dict[tuple[str, str, str], str]:
    """What became of those that no longer have to be run."""
    lines = LAST.read_text("utf-8").splitlines()
    results = {tuple(key): result for key, result in map(json.loads, lines)}
    return {key: result for key, result in results.items() if result != "survived"}


def remember(mutant: Mutant, result: str) -> None:
    """Write a result down at once, so that a run can be taken up where it was broken off."""
    with LAST.open("a", encoding="utf-8") as file:
        file.write(json.dumps([mutant.key, result]) + "\n")


def all_mutants(parts: Sequence[Part]) -> Iterator[tuple[int, Mutant]]:
    """Every mutant of every module, with the number of its part."""
    for number, part in enumerate(parts):
        files = sorted({file for pattern in part.modules for file in ROOT.glob(pattern)})
        for file in files:
            for mutant in mutants(file.read_text("utf-8"), file.relative_to(ROOT).as_posix()):
                yield number, mutant


def run(
    parts: Sequence[Part], waiting: Sequence[tuple[int, Mutant]], **options: Any
) -> dict[Mutant, str]:
    """What became of each mutant."""
    os.environ["HYPOTHESIS_PROFILE"] = "mutation"
    for name in SHARED:
        __import__(name)
    progress, found = Progress(len(waiting)), {}
    with tempfile.TemporaryDirectory() as folder:
        needed = {number for number, _ in waiting}
        runner = Runner(parts, needed, Path(folder), **options)
        for mutant, result in runner.results(waiting):
            progress.step(mutant, result)
            remember(mutant, result)
            found[mutant] = result
    return found


if __name__ == "__main__":
    sys.exit(main())
