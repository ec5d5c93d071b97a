"""The mutations of the judge: every function is spoilt, prose and annotations are not."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from tests.mutation import Mutant

TEXT = '''from __future__ import annotations

LIMIT = 3


def decorator(function):
    return function


class Box:
    @property
    def twice(self) -> int:
        return self.size * 2

    def __init__(self, size: int = 1) -> None:
        self.size = size


@decorator
def kept[T](size: int, words: str = "of many words") -> bool:
    """Doc."""
    return size < LIMIT and "some prose" != "word"
'''


@pytest.fixture
def mutation() -> ModuleType:
    from tests import mutation

    return mutation


@pytest.fixture
def spoilt(mutation: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Mutant]:
    monkeypatch.setattr(mutation, "ROOT", tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "spoilt_module.py").write_text(TEXT)
    return list(mutation.mutants(tmp_path / "spoilt_module.py"))


def test_bodies_are_spoilt_and_nothing_else(spoilt: list[Mutant]) -> None:
    assert {mutant.function for mutant in spoilt} == {"Box.twice", "Box.__init__", "kept"}
    assert {mutant.after.strip() for mutant in spoilt if mutant.function == "kept"} == {
        'return size <= LIMIT and "some prose" != "word"',
        'return size < LIMIT or "some prose" != "word"',
        'return size < LIMIT and "some prose" == "word"',
        'return size < LIMIT and "some prose" != "XXwordXX"',
        'return size < LIMIT and "some prose" != "WORD"',
    }
    assert "spoilt_module.py:13 Box.twice" in str(next(m for m in spoilt if m.function == "Box.twice"))


def test_a_mutant_is_the_function_with_other_code(mutation: ModuleType, spoilt: list[Mutant]) -> None:
    module = importlib.import_module("spoilt_module")
    for mutant, found in ((m, mutation.function_of(module, m.function)) for m in spoilt):
        code = mutation.code_of(mutant)
        assert (code.co_name, code == found.__code__) == (found.__name__, False)
    less_or_equal = next(m for m in spoilt if "<= LIMIT" in m.after)
    mutation.function_of(module, "kept").__code__ = mutation.code_of(less_or_equal)
    assert module.kept(3)
