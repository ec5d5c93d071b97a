"""python -m tests.unit.fuzz_documents COUNT SEED [--open]: mutated documents are checked, and nothing unlisted runs.

In a process of its own, because an audit hook cannot be taken off again. --open removes the allow-list: then the hook
must have something to report, or it would not be worth anything. Prints what was seen as one JSON object.
"""

import collections
import copy
import importlib
import json
import pkgutil
import random
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import yaml

from deploy.errors import Problem
from experiments import actions, catalogue, controls, documents, plain_yaml, probes

LISTED = {module.name for package in (actions, probes, controls) for module in pkgutil.iter_modules(package.__path__)}
FORBIDDEN = ("subprocess.", "os.system", "os.exec", "os.spawn", "os.posix_spawn", "os.fork", "socket.", "exec", "compile")
MODULES = [
    "os", "subprocess", "builtins", "shutil", "socket", "ctypes", "antigravity", "this", "pty", "code", "wave", "cProfile",
    "experiments.runner", "experiments.undo", "experiments.actions", "experiments.actions.nothing", "deploy.shell",
    "experiments.actions.zone.docker_nodes", "experiments.drivers.docker_nodes", "experiments.actions.zone\n",
    "experiments.actions..zone", " experiments.actions.zone", "experіments.actions.zone", "experiments․actions․zone",
    "experiments.actions.zonе", "ｅｘperiments.actions.zone", "experiments.actions.zone\u200b", "EXPERIMENTS.ACTIONS.ZONE",
    "chaosk8s.pod.actions", "chaosk8s", "xmlrpc.actions", "sqlite3.probes", "wsgiref.actions", "tests.actions", "chaosk8s_evil.probes", "chaoslib.run", "tests.unit.fake_tools", "", ".", "..os",
    "experiments.probes.workload", "experiments.actions.workload", "experiments.actions.zone", "experiments.probes.traffic",
]  # fmt: skip
FUNCTIONS = [
    "system", "run", "exec", "eval", "eventually", "inject", "prove", "pause", "unpause", "hold", "tiers_ready", "_inject",
    "__import__", "break_replicas", "heal_replicas", "Popen", "docker_nodes.pause", "hold\n", "ｈold", "session", "Any",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, 0, -1, 1.5, 1e300, 10**30, "", "x", "30", "$(reboot)", "; reboot", "`id`", "${zone}", "${os.environ}", [], {},
    [0, 1], {"type": "env", "key": "HOME"}, {"type": "probe", "name": "x", "provider": {"type": "process", "path": "id"}},
    {"type": "process", "path": "sh", "arguments": "-c id"}, {"type": "http", "url": "http://127.0.0.1:1/"}, "http://a/",
    "file:///etc/passwd", "../../etc/passwd", "@evil.example/", "\u202e", "\ud7ff", "a" * 5000, {"range": [0, 1]}, 1e-300,
    {"type": "python", "module": "os", "func": "system", "arguments": {"command": "id"}},
]  # fmt: skip
KEYS = ["provider", "module", "func", "arguments", "type", "secrets", "background", "pauses", "controls", "runtime",
        "python", "configuration", "tolerance", "extensions", "within_s", "seconds", "timeout", "url", "path", "rollbacks"]  # fmt: skip
TAGS = ["!!python/object/apply:os.system [id]", "!!python/name:os.system", "!!python/module:antigravity", "!!set {a, b}",
        "!!binary aGk=", "!!timestamp 2001-01-01", "!x y", "!!python/object/new:type [x, !!python/tuple [], {}]",
        "2001-99-99", "2001-01-01", ".inf", ".nan", "0x" + "f" * 300, "9" * 5000, "1:" * 30 + "1", "!!int 'x'"]  # fmt: skip
SMALL = """
title: x
description: x
tags: []
runtime: {hypothesis: {strategy: default}, rollbacks: {strategy: always}}
configuration: {experiment: mesh/ejection, zone: a, traffic: {rate_hz: 1, duration_s: 9, callers: {gateway: /}}}
controls: [{name: r, provider: {type: python, module: experiments.controls.recording}}]
steady-state-hypothesis:
  title: x
  probes: [{name: a, type: probe, tolerance: true, provider: &p {type: python, module: experiments.probes.workload, func: tiers_ready, arguments: {within_s: 30}}}]
method:
  - {name: b, type: action, provider: {type: python, module: experiments.actions.zone, func: pause, arguments: {zone: "${zone}", max_s: 60}}}
  - {name: c, type: probe, provider: {type: python, module: experiments.probes.workload, func: hold, arguments: {seconds: 9}}}
rollbacks: [{name: d, type: action, provider: {type: python, module: experiments.actions.zone, func: unpause, arguments: {zone: a}}}]
"""


def places(value: Any) -> list[tuple[Any, Any]]:
    """Returns every (container, key) in a value."""
    found: list[tuple[Any, Any]] = []
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, dict | list):
            found += [(each, key) for key in (each if isinstance(each, dict) else range(len(each)))]
            left += each.values() if isinstance(each, dict) else each
    return found


def change_data(random: random.Random, document: Any) -> None:
    """Mutates data in one to three places."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        container, key = random.choice(places(document))
        if isinstance(container, dict) and random.random() < 0.4:
            key = random.choice([*KEYS, *container])
        if key in {"module", "func"}:
            container[key] = random.choice(MODULES if key == "module" else FUNCTIONS)
        elif random.random() < 0.15 and isinstance(container, dict):
            container.pop(key, None)
        else:
            container[key] = copy.deepcopy(random.choice([*VALUES, random.randrange(3000)]))


def bombs(random: random.Random) -> bytes:
    """Returns what is hostile as text rather than as data."""
    depth = random.choice((20, 500, 30_000, 200_000))
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, random.choice((3, 9, 30)))]
    merges = ["a0: &a0 {x: 1}"] + [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}" for i in range(1, 12)]
    shapes: list[Callable[[], str]] = [
        lambda: "[" * depth,
        lambda: "[" * depth + "]" * depth,
        lambda: "{a: " * depth + "}" * depth,
        lambda: "- " * depth,
        lambda: "? " * depth,
        lambda: "\n".join(lines),
        lambda: "\n".join(merges),
        lambda: "a: &a [*a]",
        lambda: "a: &a {<<: *a}",
        lambda: "x" * random.choice((70_000, 5_000_000)),
        lambda: "%YAML 9.9\n---\n" + SMALL,
        lambda: SMALL + "\n---\n" + SMALL,
        lambda: "%TAG ! tag:yaml.org,2002:python/\n---\n!name:os.system x",
    ]  # fmt: skip
    return random.choice(shapes)().encode()


def change_text(random: random.Random, text: str) -> bytes:
    """Mutates a document as text."""
    kind = random.randrange(6)
    if kind == 0:
        return bombs(random)
    if kind == 1:  # a tag or an odd scalar in place of a value
        lines = text.splitlines()
        at = random.choice([index for index, line in enumerate(lines) if ": " in line])
        lines[at] = lines[at].split(": ", 1)[0] + ": " + random.choice(TAGS)
        return "\n".join(lines).encode()
    content = bytearray(text.encode())
    if kind == 2:
        return text.encode(random.choice(("utf-16", "utf-32", "utf-8-sig")))
    if kind == 3:
        return bytes(content[: random.randrange(len(content))])
    for _ in range(random.choice((1, 3, 30))):
        content[random.randrange(len(content))] = random.randrange(256)
    return bytes(content)


def accepted_wrongly(document: documents.Document) -> str:
    """Returns what should have been refused in a document that was accepted, "" for nothing."""
    for activity in document.activities():
        kind, _, module = activity.provider.module.removeprefix("experiments.").partition(".")
        if kind != f"{activity.type}s" or module not in LISTED:
            return f"module {activity.provider.module!r}"
        function = getattr(sys.modules[activity.provider.module], activity.provider.func)
        if function.__module__ != activity.provider.module:
            return f"function {activity.provider.func!r} of {function.__module__}"
        bounds = [v for k, v in activity.provider.arguments.items() if k.endswith("_s") or k == "seconds"]
        if not all(type(bound) in {int, float} and 0 < bound <= 3600 for bound in bounds):
            return f"bounds {bounds}"
    if {control.provider.module for control in document.controls} - {"experiments.controls.recording"}:
        return "a control"
    return ""


def main() -> None:
    """Checks COUNT documents."""
    resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30, 2 * 2**30))  # a bomb that goes off must not take the machine
    count, seed = int(sys.argv[1]), sys.argv[2]
    dice = random.Random(seed)  # noqa: S311 - no secret
    shipped = [SMALL] * 60 + [catalogue.find(name).path.read_text() for name in catalogue.names()]
    plain = {text: json.dumps(plain_yaml.parse(text.encode())) for text in shipped}
    seen: collections.Counter[str] = collections.Counter()
    violations: list[str] = []
    slowest_s, watching, begin = 0.0, False, time.monotonic()
    for package in (actions, probes, controls):
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
    if "--open" in sys.argv:
        documents._allowed.__code__ = (lambda module: module).__code__
        KEYS[:] = ["module"]
    yaml.load(SMALL, Loader=plain_yaml.LOADER)  # noqa: S506
    documents.check(plain_yaml.parse(SMALL.encode()), "mesh/ejection")

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if not watching:
            return
        if event == "import" and not documents.ALLOWED_MODULES.fullmatch(str(args[0])):
            violations.append(f"import of {args[0]!r}")
        elif event.startswith(FORBIDDEN) or (event == "open" and str(args[1] or "r")[0] not in "r"):
            violations.append(f"{event} {args!r}"[:200])

    sys.addaudithook(hook)
    for _ in range(count):
        text = dice.choice(shipped)
        mutated: Any
        if dice.random() < 0.25:
            mutated, read = change_text(dice, text), plain_yaml.parse
        else:  # as if it had been read: most of the time would go into libyaml
            mutated, read = json.loads(plain[text]), plain_yaml.look_at_values
            change_data(dice, mutated)
        began = time.process_time()
        watching = True
        try:
            document = documents.check(read(mutated), "mesh/ejection")
            seen["accepted"] += 1
        except Problem:
            document = None
            seen["refused"] += 1
        except (ValueError, RecursionError, yaml.YAMLError):  # what plain_yaml.read makes a Problem of
            document = None
            seen["not plain data"] += 1
        watching = False
        slowest_s = max(slowest_s, time.process_time() - began)
        if document and (wrong := accepted_wrongly(document)):
            violations.append(f"accepted: {wrong}")
    told = {"documents": count, **seen, "slowest_s": round(slowest_s, 3), "took_s": round(time.monotonic() - begin, 1)} | {"violations": violations[:20]}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
