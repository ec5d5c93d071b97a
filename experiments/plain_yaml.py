"""Reads YAML as what it should be: data of bounded size, without anything that a loader would act upon.

Aliases are allowed (documents name a provider once and use it twice), bombs made of them are not.
"""

from __future__ import annotations

import copy
import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from deploy.errors import Problem

BYTES_MAX, DEPTH_MAX, VALUES_MAX = 64 * 1024, 24, 5000
ALIASES_MAX = 24  # merged into each other they multiply: at most 3 to the 8th times
# libyaml is ten times as fast; it crashes where nesting is too deep, which is looked at before it builds anything.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(text: str | bytes) -> Any:
    """Returns what a text of the cluster's own holds; nobody wrote it to harm us."""
    return yaml.load(text, Loader=LOADER)  # noqa: S506 - a safe loader


def read(source: Path) -> Any:
    """Returns what a local file holds: mappings with text as keys, lists, text, numbers, booleans and null.

    Raises:
        Problem: it cannot be read, or holds anything else, or too much of it.
    """
    try:
        if not source.is_file():
            raise OSError("this is not a file")  # noqa: TRY301 - told like every other reason
        with source.open("rb") as file:
            content = file.read(BYTES_MAX + 1)
        return parse(content)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        fix = "mend the document; it is data, written by hand"
        raise Problem(f"{source} cannot be used", why=str(error), fix=fix) from error


def parse(content: bytes) -> Any:
    """Returns what the bytes hold; ValueError, RecursionError or YAMLError say why they may not."""
    return copy.deepcopy(_parsed(content))  # whose changes are nobody else's


@lru_cache(maxsize=256)
def _parsed(content: bytes) -> Any:
    """A gate asks for each document many times; to copy what it says takes a tenth of reading it."""
    if len(content) > BYTES_MAX:
        raise ValueError(f"it is larger than {BYTES_MAX} bytes")
    text = content.decode()
    _look_at_events(text)
    return look_at_values(load(text))


def _look_at_events(text: str) -> None:
    """Refuses what would make building the values dangerous or slow."""
    depth, aliases = 0, 0
    event: Any
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
        if aliases > ALIASES_MAX:
            raise ValueError(f"it has more than {ALIASES_MAX} aliases")
        if depth > DEPTH_MAX:
            raise ValueError(f"it is nested deeper than {DEPTH_MAX} levels")
        if getattr(event, "tag", None):
            raise ValueError(f"the tag {event.tag!r} is not allowed: a value is what it looks like")


def look_at_values(value: Any) -> Any:
    """Returns a value, unless it holds what JSON has not or more than anybody writes by hand (aliases multiply it)."""
    left, seen = [value], 0
    while left:
        each = left.pop()
        seen += 1
        if seen > VALUES_MAX:
            raise ValueError(f"it holds more than {VALUES_MAX} values")
        if isinstance(each, dict):
            if not all(isinstance(key, str) for key in each):
                raise ValueError("a key is not text")
            left += each.values()
        elif isinstance(each, list):
            left += each
        elif isinstance(each, float) and not math.isfinite(each):
            raise ValueError(f"{each} is not a number to calculate with")
        elif not isinstance(each, str | bool | int | float | None):
            raise ValueError(f"{each!r} is a {type(each).__name__}: quote it")
    return value
