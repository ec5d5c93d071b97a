"""python -m tests.mutation [FILE …]: spoils the judge in every small way, and says how often its tests notice.

The ways are mutmut's. Its runner is not used, because it leaves every decorated function out (each statistic is one)
and collects the tests anew for each mutant. Here they are collected once, and each mutant is a fork of the warm process
in which one function has other code; it runs the tests that reach the changed statement until one fails.
Prose is left as it is: what a reason says is checked, how it is worded is not the verdict.
"""

from __future__ import annotations

import gc
import importlib
import mmap
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import libcst as cst
import pytest
from _pytest.runner import runtestprotocol
from hypothesis import settings
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

ROOT = Path(__file__).resolve().parent.parent
JUDGE = ROOT / "reports" / "judge"
TESTS = ("test_judge_*.py", "test_report_run.py", "test_report_targets.py", "test_second_attempt.py")
SCORE_PERCENT_MIN = 90.0
# In seconds of processor time: that a machine is busy is not noticed by a test. A mutant that the first tests of so
# many seconds leave alive counts as alive: the score is a lower bound.
TESTS_S_MAX, TEST_S_MAX = 4.0, 5.0
TOOL = 4  # a number of sys.monitoring that nobody else takes


@dataclass(frozen=True, slots=True)
class Mutant:
    """One function of a module with one small change.

    Attributes:
        statement: its first and last line; of one that holds others (if, for, with), of its head.
    """

    file: Path
    line: int
    statement: tuple[int, int]
    function: str
    before: str
    after: str
    source: str = field(repr=False)

    def __str__(self) -> str:
        where = f"{self.file.relative_to(ROOT)}:{self.line} {self.function}"
        return f"{where}\n    - {self.before.strip()[:150]}\n    + {self.after.strip()[:150]}"


def module_name(path: Path) -> str:
    """The name under which a file is imported."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def mutants(path: Path) -> Iterator[Mutant]:
    """Every mutant of a file's functions."""
    wrapper = MetadataWrapper(cst.parse_module(path.read_text()))
    positions = wrapper.resolve(PositionProvider)
    for name, function in _functions(wrapper.module.body):
        before = wrapper.module.code_for_node(function).splitlines()
        first = positions[function].start.line
        for node, statement in _mutable(function.body, positions):
            for kind, operator in mutation_operators:
                for changed in operator(node) if isinstance(node, kind) else ():
                    source = wrapper.module.code_for_node(function.deep_replace(node, changed))
                    was, now = _difference(before, source.splitlines())
                    line = positions[node].start.line if node in positions else first
                    yield Mutant(path, line, statement, name, was, now, source)


def _functions(body: Sequence[cst.CSTNode], within: str = "") -> Iterator[tuple[str, cst.FunctionDef]]:
    for node in body:
        if isinstance(node, cst.FunctionDef):
            yield within + node.name.value, node
        elif isinstance(node, cst.ClassDef):
            yield from _functions(node.body.body, f"{within}{node.name.value}.")


def _mutable(
    node: cst.CSTNode, positions: Mapping[cst.CSTNode, Any], statement: tuple[int, int] = (0, 0)
) -> Iterator[tuple[cst.CSTNode, tuple[int, int]]]:
    """What is run when the function is, and in which statement: no annotation, no decorator, no default, no prose."""
    if isinstance(node, cst.Annotation | cst.Decorator | cst.Parameters):
        return
    if isinstance(node, cst.BaseSmallStatement | cst.BaseCompoundStatement):
        begin, end = positions[node].start.line, positions[node].end.line
        if isinstance(block := getattr(node, "body", None), cst.BaseSuite):
            end = max(begin, positions[block.body[0]].start.line - 1)
        statement = begin, end
    if not (isinstance(node, cst.SimpleString) and " " in node.value):
        yield node, statement
    for child in node.children:
        yield from _mutable(child, positions, statement)


def _difference(before: Sequence[str], after: Sequence[str]) -> tuple[str, str]:
    """The first line that is another one now."""
    return next(((was, now) for was, now in zip(before, after, strict=False) if was != now), ("", "a line is gone"))


def function_of(module: ModuleType, name: str) -> FunctionType:
    """The function that a module runs under a qualified name."""
    found: Any = module
    for part in name.split("."):
        found = found.__dict__[part]
    found = getattr(found, "fget", None) or getattr(found, "__func__", None) or found
    assert isinstance(found, FunctionType)
    return found


def code_of(mutant: Mutant) -> CodeType:
    """The code of the changed function."""
    name = mutant.function.rpartition(".")[2]
    flags = annotations.compiler_flag  # the judge's modules have it too
    return next(c for c in _deeper(compile(mutant.source, str(mutant.file), "exec", flags)) if c.co_name == name)


def _deeper(code: CodeType) -> Iterator[CodeType]:
    """Code within code; the scope that holds type parameters (PEP 695) is looked through."""
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _deeper(const) if const.co_name.startswith("<generic") else (const,)


class Mutation:
    """A pytest plugin that runs mutants in place of the tests."""

    def __init__(self, every: Sequence[Mutant]) -> None:
        self.every = every
        self.functions = {
            (m.file, m.function): function_of(importlib.import_module(module_name(m.file)), m.function) for m in every
        }
        self.reached: dict[tuple[Path, int], list[tuple[float, pytest.Item]]] = {}  # by file and line, in turn
        self.survivors: list[Mutant] = []
        self.noticed_by = memoryview(mmap.mmap(-1, 4 * (len(every) + 1))).cast("i")  # shared with the forks
        self.numbers: dict[pytest.Item, int] = {}
        self.unmutated_failed: list[str] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Sees which test reaches which statement, then lets every mutant live for a moment."""
        self.numbers = {item: number for number, item in enumerate(session.items, start=1)}
        self._reach(session.items)
        if not self.unmutated_failed:
            self._live()
        return True

    def _reach(self, items: Sequence[pytest.Item]) -> None:
        files = {str(mutant.file): mutant.file for mutant in self.every}
        seen: set[tuple[str, int]] = set()

        def ran(code: CodeType, line: int) -> object:
            seen.add((code.co_filename, line))
            return sys.monitoring.DISABLE  # until the next test

        monitoring = sys.monitoring
        monitoring.use_tool_id(TOOL, "mutation")
        monitoring.register_callback(TOOL, monitoring.events.LINE, ran)
        for function in self.functions.values():
            for code in (function.__code__, *_deeper(function.__code__)):
                monitoring.set_local_events(TOOL, code, monitoring.events.LINE)
        for item in items:
            seen.clear()
            monitoring.restart_events()
            begin = time.process_time()
            if _fails(item):
                self.unmutated_failed.append(item.nodeid)
            took_s = time.process_time() - begin
            for name, line in seen:
                self.reached.setdefault((files[name], line), []).append((took_s, item))
        monitoring.free_tool_id(TOOL)
        self.reached = {where: _varied(tests) for where, tests in self.reached.items()}

    def _tests(self, mutant: Mutant) -> list[tuple[float, pytest.Item]]:
        """Those that reach the changed statement: what noticed a mistake in it first."""
        begin, end = mutant.statement
        lines = [self.reached.get((mutant.file, line), []) for line in range(begin, end + 1)]
        return max(lines, key=len, default=[])

    def _live(self) -> None:
        gc.freeze()  # else each fork would look through, and so copy, all that is there
        running: dict[int, int] = {}
        for number, mutant in enumerate(self.every):
            while len(running) >= (os.cpu_count() or 1):
                self._reap(running)
            running[self._fork(number, mutant)] = number
            if number and number % 200 == 0:
                print(f"{number} of {len(self.every)}, {len(self.survivors)} survived", flush=True)
        while running:
            self._reap(running)

    def _reap(self, running: dict[int, int]) -> None:
        child, status = os.wait()
        number = running.pop(child)
        mutant = self.every[number]
        if status == 0:
            self.survivors.append(mutant)
            print(mutant, flush=True)
        elif noticed := self.noticed_by[number]:  # this test is asked first about the next mistake
            tests = self._tests(mutant)
            which = next(k for k, (_, item) in enumerate(tests) if self.numbers[item] == noticed)
            tests.insert(0, tests.pop(which))

    def _fork(self, number: int, mutant: Mutant) -> int:
        child = os.fork()
        if child:
            return child
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        signal.signal(signal.SIGPROF, signal.SIG_DFL)  # a mutant that never ends is noticed too
        function = self.functions[mutant.file, mutant.function]
        try:
            function.__code__ = code_of(mutant)
            begin = time.process_time()
            for took_s, item in self._tests(mutant):
                signal.setitimer(signal.ITIMER_PROF, TEST_S_MAX + 10 * took_s)
                if time.process_time() - begin < TESTS_S_MAX and _fails(item):
                    self.noticed_by[number] = self.numbers[item]
                    os._exit(1)
        except BaseException:  # noqa: BLE001 - whatever it is, it was noticed
            os._exit(1)
        os._exit(0)


def _varied(tests: Sequence[tuple[float, pytest.Item]]) -> list[tuple[float, pytest.Item]]:
    """The quickest example of each test, then another of each: hundreds of examples of one must not use up the time."""
    seen: Counter[str] = Counter()
    ranked = []
    for each in sorted(tests, key=lambda test: test[0]):
        name = each[1].nodeid.partition("[")[0]
        ranked.append((seen[name], each))
        seen[name] += 1
    return [each for _, each in sorted(ranked, key=lambda pair: pair[0])]  # a stable sort: the quickest stay first


def _fails(item: pytest.Item) -> bool:
    return any(report.failed for report in runtestprotocol(item, log=False, nextitem=None))


def main() -> int:
    """Returns 0 when enough mutants are noticed."""
    begin = time.monotonic()
    settings.register_profile("mutation", derandomize=True, database=None, max_examples=25, deadline=None)
    settings.load_profile("mutation")
    named = [Path(name).resolve() for name in sys.argv[1:]]
    files = named or sorted(path for path in JUDGE.rglob("*.py") if path.name != "__init__.py")
    every = [mutant for path in files for mutant in mutants(path)]
    mutation = Mutation(every)
    tests = [str(path) for pattern in TESTS for path in sorted((ROOT / "tests" / "unit").glob(pattern))]
    quiet = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-o", "tmp_path_retention_policy=none"]
    pytest.main([*tests, *quiet], plugins=[mutation])
    for failed in mutation.unmutated_failed:
        print(f"fails without a mutation: {failed}")
    lived, files_of = len(mutation.survivors), Counter(mutant.file.name for mutant in mutation.survivors)
    score = 100 * (1 - lived / len(every))
    print(f"survivors by file: {dict(files_of.most_common())}")
    print(f"{len(every) - lived} of {len(every)} mutants noticed: {score:.1f} % in {time.monotonic() - begin:.0f} s")
    return 0 if score >= SCORE_PERCENT_MIN and not mutation.unmutated_failed else 1


if __name__ == "__main__":
    sys.exit(main())
