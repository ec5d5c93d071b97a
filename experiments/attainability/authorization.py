"""Authorization: what the policies say of each entry of a matrix, as a proxy reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.attainability.model import Attainability, Item, Question, named, selects
from experiments.attainability.registry import bounds
from experiments.matrix import Matrix, Row

ROOT, TRUST = "istio-system", "cluster.local"
SOURCE = frozenset({"principals", "namespaces"})
OPERATION = frozenset({"ports", "methods"})


@dataclass(frozen=True, slots=True)
class Request:
    """Whom a proxy is asked by, and for what; the method is "" where the proxy sees bytes only."""

    namespace: str
    principal: str
    port: str
    method: str


@bounds("authorization_violations")
def authorization(question: Question) -> Attainability:
    """One violation for each entry of the matrix that the policies answer otherwise."""
    matrix = Matrix.read(question.arguments("call_as_everybody"))
    wrong = list(_wrong(question, matrix))
    if not wrong:
        entries = sum(len(row.allowed) + len(row.refused) for row in matrix.matrix)
        return question.answer(0, f"the AuthorizationPolicies answer each of {entries} entries as they must")
    name, why = wrong[0]
    more = f" (and {len(wrong) - 1} more)" if wrong[1:] else ""
    return question.answer(len(wrong), f"{name}: {why}{more}", f"an AuthorizationPolicy that decides about {name}")


def _wrong(question: Question, matrix: Matrix) -> Iterator[tuple[str, str]]:
    for row in matrix.matrix:
        policies = [item for item in _policies(question, row) if _is_for(question, item, row)]
        for is_allowed, callers in ((True, row.allowed), (False, row.refused)):
            for caller in callers:
                namespace, _, account = matrix.callers[caller].account.partition("/")
                asked = Request(namespace, f"{TRUST}/ns/{namespace}/sa/{account}", str(row.port), row.method)
                is_let, why = decide(policies, asked)
                if is_let is not is_allowed:
                    yield matrix.name(row, caller), why


def _policies(question: Question, row: Row) -> list[Item]:
    return [item for where in (ROOT, row.namespace) for item in question.settings.of("AuthorizationPolicy", where)]


def _is_for(question: Question, policy: Item, row: Row) -> bool:
    labels = [
        deployment["spec"]["template"]["metadata"]["labels"]
        for deployment in question.settings.of("Deployment", row.namespace)
    ]
    key, _, value = row.selector.partition("=")
    own: Mapping[str, str] = next((each for each in labels if each.get(key) == value), {key: value})
    return selects((policy.get("spec") or {}).get("selector") or {}, own)


def decide(policies: Sequence[Item], asked: Request) -> tuple[bool, str]:
    """Returns whether a workload under these policies serves a request, and which of them decides.

    One that denies goes first; where any allows, only what one of them names is allowed; where none is, everything.

    Raises:
        ValueError: a policy says something that is not understood here.
    """
    of = {action: [item for item in policies if _action(item) == action] for action in ("ALLOW", "DENY")}
    for item in of["DENY"]:
        if _matches(item, asked):
            return False, f"{named(item)} denies it"
    for item in of["ALLOW"]:
        if _matches(item, asked):
            return True, f"{named(item)} allows it"
    if of["ALLOW"]:
        return False, f"none of {', '.join(named(item) for item in of['ALLOW'])} allows it"
    return True, "no AuthorizationPolicy is for it: everybody is served"


def _action(item: Item) -> str:
    action = str((item.get("spec") or {}).get("action", "ALLOW"))
    if action == "CUSTOM":
        raise ValueError(f"{named(item)}: action CUSTOM asks somebody else")
    return action


def _matches(item: Item, asked: Request) -> bool:
    return any(_applies(rule, asked) for rule in (item.get("spec") or {}).get("rules") or [])


def _applies(rule: Mapping[str, Any], asked: Request) -> bool:
    if unknown := set(rule) - {"from", "to"}:
        raise ValueError(f"rules with {', '.join(sorted(unknown))} are not understood")
    sources = [_known(each["source"], SOURCE) for each in rule.get("from") or []]
    operations = [_known(each["operation"], OPERATION) for each in rule.get("to") or []]
    said = {"principals": asked.principal, "namespaces": asked.namespace}
    done = {"ports": asked.port, "methods": asked.method}
    return (not sources or any(_met(each, said) for each in sources)) and (
        not operations or any(_met(each, done) for each in operations)
    )


def _known(part: Mapping[str, Any], known: frozenset[str]) -> Mapping[str, Any]:
    if unknown := set(part) - known:
        raise ValueError(f"{', '.join(sorted(unknown))} of an AuthorizationPolicy are not understood")
    return part


def _met(part: Mapping[str, Any], values: Mapping[str, str]) -> bool:
    return all(any(_like(str(each), values[key]) for each in patterns) for key, patterns in part.items())


def _like(pattern: str, value: str) -> bool:
    """Exact, or with one star at an end; "*" is anything that is there."""
    if pattern == "*":
        return bool(value)
    if pattern.startswith("*"):
        return value.endswith(pattern[1:])
    return value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern
