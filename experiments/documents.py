"""What an experiment document may say. A document is a program: it is checked before it is given to Chaos Toolkit.

Chaos Toolkit reads documents safely, but what they *mean* is anything: a `process` provider runs any executable, a
`python` provider imports any module, a configuration of type probe runs while the document is loaded, `runtime.python`
installs packages. None of that is allowed here, and neither is what makes it pass when it should not
(research/style.md §5): rollbacks that are skipped, activities without a bound, tolerances that are ranges by accident.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from deploy.errors import Problem
from deploy.suite_access import accounts
from experiments import plain_yaml
from experiments.radius import Radius
from experiments.traffic import Plan

# Of chaosk8s only what looks: its actions know neither guard nor ledger, and one of them runs any command in a pod.
ALLOWED_MODULES = re.compile(r"experiments\.(actions|probes)\.[a-z_]+|chaosk8s(\.[a-z_]+)*\.(probes)")
CONTROL_MODULES = re.compile(r"experiments\.controls\.[a-z_]+")
# Arguments in seconds that bound an activity; ours all carry their unit last.
BOUNDS = re.compile(r".*_s|seconds|timeout|.*_timeout")
BOUND_S_MAX = 1800
# Activities that do one bounded thing and take no time argument; each client call in them has its own time-out.
BOUNDED = frozenset(
    {
        "experiments.actions.connections.admit",
        "experiments.actions.release.roll_back",
        "experiments.actions.workload.count_served",
        "experiments.actions.workload.heal_replicas",
        "experiments.actions.workload.watch_ejections",
        "experiments.actions.zone.unpause",
    }
)


class Strict(BaseModel):
    """Anything that is not known is refused."""

    model_config = ConfigDict(extra="forbid")


def _allowed(module: str) -> str:
    if not ALLOWED_MODULES.fullmatch(module):
        raise ValueError(
            f"module {module!r} is not on the allow-list (experiments.actions, experiments.probes, probes of chaosk8s)"
        )
    return module


def _one_of_ours(module: str) -> str:
    if not CONTROL_MODULES.fullmatch(module):
        raise ValueError(f"control module {module!r} is not one of experiments.controls")
    return module


def _account(name: str) -> str:
    if name not in accounts():
        raise ValueError(f"no account is called {name!r}: one of {', '.join(sorted(accounts()))}")
    return name


class PythonProvider(Strict):
    """A function of an allowed module. Other providers are refused: http leaves the machine, process runs anything."""

    type: Literal["python"]
    module: Annotated[str, AfterValidator(_allowed)]
    func: str = Field(pattern=r"^[a-z][a-z_]*$")
    arguments: dict[str, Any] = Field(default_factory=dict)


class ControlProvider(Strict):
    """A control of ours."""

    type: Literal["python"]
    module: Annotated[str, AfterValidator(_one_of_ours)]


class Control(Strict):
    """A control."""

    name: str
    provider: ControlProvider


class Range(Strict):
    """A range that says that it is one."""

    type: Literal["range"]
    range: tuple[float, float]


def _no_accidental_range(value: Any) -> Any:
    if isinstance(value, list):
        raise ValueError("a list is read as a range: write {type: range, range: [low, high]}")  # noqa: TRY004 - pydantic wants it
    return value


class Activity(Strict):
    """One step, with a bound."""

    name: str
    type: Literal["action", "probe"]
    provider: PythonProvider


class Probe(Strict):
    """One question of the steady state, with what must be answered."""

    name: str
    type: Literal["probe"]
    tolerance: Annotated[bool | int | float | str | Range, BeforeValidator(_no_accidental_range)]
    provider: PythonProvider


class Hypothesis(Strict):
    """The steady state: without a probe it would hold always."""

    title: str
    probes: list[Probe] = Field(min_length=1)


class Rollbacks(Strict):
    """Chaos Toolkit skips rollbacks by default when they are needed most."""

    strategy: Literal["always"]


class HypothesisRuntime(Strict):
    """When the steady state is looked at: before and after."""

    strategy: Literal["default"]


class Runtime(Strict):
    """How the document is run, whoever runs it."""

    rollbacks: Rollbacks
    hypothesis: HypothesisRuntime


class Configuration(BaseModel):
    """Data of the recording control, and constants. Nothing here is run while the document is loaded."""

    model_config = ConfigDict(extra="allow")
    experiment: str
    account: Annotated[str, AfterValidator(_account)]  # the kind of fault: whom the experiment acts as
    blast_radius: Radius
    watch: dict[str, list[str]] = Field(default_factory=dict)
    traffic: Plan | None = None


class Document(Strict):
    """One experiment document."""

    title: str
    description: str
    tags: list[str]
    runtime: Runtime
    configuration: Configuration
    controls: list[Control] = Field(min_length=1)
    steady_state_hypothesis: Hypothesis = Field(alias="steady-state-hypothesis")
    method: list[Activity] = Field(min_length=1)
    rollbacks: list[Activity]

    def activities(self) -> list[Activity | Probe]:
        """Returns everything that calls a function, in the order in which it is called."""
        return [*self.steady_state_hypothesis.probes, *self.method, *self.rollbacks]


def load(source: Path | str, name: str) -> Document:
    """Reads and checks a document.

    Args:
        source: a local file; never a URL, whose content nobody reviewed.
        name: the experiment's name, which the document must repeat.

    Raises:
        Problem: lists everything that is not allowed.
    """
    if "://" in str(source):
        raise Problem(f"{source} is a URL", fix="review the document, put it under experiments/ and run it from there")
    return check(plain_yaml.read(Path(source)), name)


def check(data: Any, name: str) -> Document:
    """Returns a document that may be run, from plain data; it runs nothing and imports only what is on the allow-list.

    Raises:
        Problem: lists everything that is not allowed.
    """
    try:
        document = Document.model_validate(data)
        wrong = list(_misuse(document, name))
    except ValidationError as error:
        wrong = [f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors()]
    if wrong:
        raise Problem(f"{name} is not an experiment that may be run", why="\n".join(wrong), fix="mend the document")
    return document


def bounds_s(document: Document) -> float:
    """Returns how long the method may take, in seconds: the sum of its bounds."""
    arguments = [item for activity in document.method for item in activity.provider.arguments.items()]
    return sum(float(value) for key, value in arguments if BOUNDS.fullmatch(key))


def _misuse(document: Document, name: str) -> Iterator[str]:
    """Yields what is well-formed and still wrong."""
    if document.configuration.experiment != name:
        yield f"configuration.experiment is {document.configuration.experiment!r}, the document is {name!r}"
    if "experiments.controls.recording" not in {control.provider.module for control in document.controls}:
        yield "the control experiments.controls.recording is missing: nothing would be recorded"
    for key, value in (document.configuration.model_extra or {}).items():
        if isinstance(value, dict) and "type" in value:
            yield f"configuration.{key} is computed ({value['type']}): a document holds constants"
        for text in _texts(value):
            if "://" in text:  # "${key}" would carry it into an argument
                yield f"configuration.{key}: {text!r} is a URL"
    for activity in document.activities():
        yield from _unbounded(activity)
        yield from _not_callable(activity)


def _unbounded(activity: Activity | Probe) -> Iterator[str]:
    provider = activity.provider
    bounds = {key: value for key, value in provider.arguments.items() if BOUNDS.fullmatch(key)}
    if f"{provider.module}.{provider.func}" not in BOUNDED and not bounds:
        yield f"{activity.name}: no argument bounds it in seconds"
    for key, value in bounds.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 < value <= BOUND_S_MAX:
            yield f"{activity.name}: {key} is {value!r} and not a number of seconds up to {BOUND_S_MAX}"
    for text in _texts(provider.arguments):
        if "://" in text:
            yield f"{activity.name}: the argument {text!r} is a URL"


def _not_callable(activity: Activity | Probe) -> Iterator[str]:
    provider = activity.provider
    if f"{activity.type}s" not in provider.module.split("."):
        yield f"{activity.name}: {provider.module} is no module of {activity.type}s"
        return
    signature = signature_of(provider.module, provider.func)
    if isinstance(signature, str):
        yield f"{activity.name}: {signature}"
        return
    try:
        signature.bind(**provider.arguments)
    except TypeError as error:
        yield f"{activity.name}: {provider.func}: {error}"


@lru_cache(maxsize=1000)
def signature_of(module: str, func: str) -> inspect.Signature | str:
    """Returns the parameters of a function that an allowed module itself defines, or why there is none."""
    try:
        found = getattr(importlib.import_module(module), func, None)
    except ImportError as error:
        return f"there is no module {module} ({error})"
    # What a module merely imported (a guard's helper, a wait) is not offered by it.
    if not inspect.isfunction(found) or inspect.unwrap(found).__module__ != module:
        return f"{module} has no function {func}"
    return inspect.signature(found)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
