"""The words of the check: a target, the settings that bound it, and the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from experiments.documents import Document
from experiments.traffic import Plan

type Item = dict[str, Any]  # a Kubernetes object as plain JSON
type Read = Callable[[str, str, str], list[Item]]


class Unread(Exception):  # noqa: N818 - not a bug: who asked may not see it
    """A kind of object could not be read, so nothing follows from its absence."""


@dataclass(frozen=True)
class Settings:
    """A cluster's objects, each kind read when it is first asked for.

    Attributes:
        read: (kind, namespace or "" for all, name or "" for all) -> objects; raises Unread.
    """

    read: Read
    _known: dict[tuple[str, str, str], list[Item]] = field(default_factory=dict, repr=False)

    def of(self, kind: str, namespace: str = "", name: str = "") -> list[Item]:
        """Returns the objects of a kind, in one namespace or in all."""
        key = (kind, namespace, name)
        if key not in self._known:
            self._known[key] = self.read(*key)
        return self._known[key]

    def get(self, kind: str, namespace: str, name: str) -> Item | None:
        """Returns one object, None when there is none."""
        return next(iter(self.of(kind, namespace, name)), None)


@dataclass(frozen=True, slots=True)
class Target:
    """A promise of tests/targets.toml, as far as settings can bound it."""

    id: str
    statistic: str
    limit: float
    unit: str
    relation: str
    parameters: Mapping[str, Any]

    def kept_by(self, figure: float) -> bool:
        """Whether a figure would keep the promise."""
        return {
            "<": figure < self.limit,
            "<=": figure <= self.limit,
            ">=": figure >= self.limit,
            "==": figure == self.limit,
            "~": figure == self.limit,
        }[self.relation]


@dataclass(frozen=True, slots=True)
class Attainability:
    """What the settings allow for one target.

    Attributes:
        attainable: None when that is not known.
        floor: the best figure that the settings allow, in the target's unit; None when none follows from them, or
            when the target is out of reach for ever.
        bound_by: the object, field and value that decide.
        fix: the smallest change that would bring the target within reach, "" when it is.
    """

    target: str
    attainable: bool | None
    floor: float | None
    limit: float
    unit: str
    relation: str
    bound_by: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """One target, the document that will measure it, and the settings.

    Attributes:
        document: the experiment's; its traffic and arguments decide what can be seen at all.
    """

    target: Target
    document: Document
    settings: Settings

    @property
    def traffic(self) -> Plan:
        """The callers of the document; it must have some."""
        return Plan.model_validate(self.document.configuration.traffic)

    def arguments(self, *functions: str) -> dict[str, Any]:
        """Returns the arguments of the first activity of the method that calls one of some functions.

        Raises:
            KeyError: none does.
        """
        for activity in self.document.method:
            if activity.provider.func in functions:
                return activity.provider.arguments
        raise KeyError(f"{self.document.configuration.experiment} does not call {' or '.join(functions)}")

    def answer(self, floor: float | None, bound_by: str, fix: str = "") -> Attainability:
        """Compares a floor with the limit; no floor means that nothing is in the way. The fix is for a floor beyond."""
        return self._told(floor is None or self.target.kept_by(floor), floor, bound_by, fix)

    def never(self, bound_by: str, fix: str, floor: float | None = None) -> Attainability:
        """Out of reach, whatever the floor."""
        return self._told(False, floor, bound_by, fix)  # noqa: FBT003 - read with its name it says the same twice

    def unknown(self, why: str) -> Attainability:
        """Nothing follows from the settings."""
        return self._told(None, None, why)

    def _told(self, attainable: bool | None, floor: float | None, bound_by: str, fix: str = "") -> Attainability:  # noqa: FBT001
        target = self.target
        return Attainability(
            target=target.id,
            attainable=attainable,
            floor=None if floor is None else round(floor, 3),
            limit=target.limit,
            unit=target.unit,
            relation=target.relation,
            bound_by=bound_by,
            fix="" if attainable else fix,
        )


def named(item: Item) -> str:
    """Returns an object's name as a reader looks it up: "DestinationRule shop/app"."""
    meta = item["metadata"]
    where = f"{meta['namespace']}/" if meta.get("namespace") else ""
    return f"{item['kind']} {where}{meta['name']}"


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector, as a budget or a policy has it, matches; an empty one matches all."""
    if not (selector.get("matchLabels") or {}).items() <= labels.items():
        return False
    return all(_met(each, labels) for each in selector.get("matchExpressions") or [])


def _met(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or []
    return {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }[expression["operator"]]
