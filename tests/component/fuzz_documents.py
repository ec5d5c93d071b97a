"""python -m tests.component.fuzz_documents COUNT SEED [--open]: mutated documents are checked, nothing unlisted runs.

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
from pathlib import Path
from typing import Any

import yaml

from deploy.errors import Problem
from experiments import actions, catalogue, controls, documents, plain_yaml, probes

NAME = "mesh/ejection"
LISTED = {f"{p.__name__}.{m.name}" for p in (actions, probes, controls) for m in pkgutil.iter_modules(p.__path__)}
FORBIDDEN = ("subprocess.", "os.system", "os.exec", "os.spawn", "os.posix", "os.fork", "socket.", "exec", "compile")
HOSTILE = yaml.safe_load(Path(__file__).with_name("hostile-documents.yaml").read_text())
SMALL = json.dumps(HOSTILE["document"])
TEXT = yaml.safe_dump(HOSTILE["document"])
# Values that the file above cannot hold: a lone surrogate, and what is only long.
VALUES = [*HOSTILE["values"], "\ud7ff", "a" * 5000]
SCALARS = [*HOSTILE["scalars"], "0x" + "f" * 300, "9" * 5000, "1:" * 30 + "1"]


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


def change_data(dice: random.Random, document: Any, keys: list[str]) -> Any:
    """Returns data that was mutated in one to three places."""
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        container, key = dice.choice(places(document))
        if isinstance(container, dict) and dice.random() < 0.4:
            key = dice.choice([*keys, *container])
        if key in {"module", "func"}:
            container[key] = dice.choice(HOSTILE["modules" if key == "module" else "functions"])
        elif dice.random() < 0.15 and isinstance(container, dict):
            container.pop(key, None)
        else:
            container[key] = copy.deepcopy(dice.choice([*VALUES, dice.randrange(3000)]))
    return document


def bomb(dice: random.Random) -> bytes:
    """Returns what is hostile as text rather than as data."""
    depth, levels = dice.choice((20, 500, 30_000, 200_000)), dice.choice((3, 9, 30))
    lists = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, levels)]
    merges = ["a0: &a0 {x: 1}"] + [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}" for i in range(1, 12)]
    shapes: list[Callable[[], str]] = [
        lambda: "[" * depth,
        lambda: "[" * depth + "]" * depth,
        lambda: "{a: " * depth + "}" * depth,
        lambda: "- " * depth,
        lambda: "? " * depth,
        lambda: "\n".join(lists),
        lambda: "\n".join(merges),
        lambda: "a: &a [*a]",
        lambda: "a: &a {<<: *a}",
        lambda: "x" * dice.choice((70_000, 5_000_000)),
        lambda: "%YAML 9.9\n---\n" + TEXT,
        lambda: TEXT + "\n---\n" + TEXT,
        lambda: "%TAG ! tag:yaml.org,2002:python/\n---\n!name:os.system x",
    ]
    return dice.choice(shapes)().encode()


def change_text(dice: random.Random, text: str) -> bytes:
    """Returns a document that was mutated as text."""
    kind = dice.randrange(6)
    if kind == 0:
        return bomb(dice)
    if kind == 1:  # a tag or an odd scalar in place of a value
        lines = text.splitlines()
        at = dice.choice([index for index, line in enumerate(lines) if ": " in line])
        lines[at] = lines[at].split(": ", 1)[0] + ": " + dice.choice(SCALARS)
        return "\n".join(lines).encode()
    content = bytearray(text.encode())
    if kind == 2:
        return text.encode(dice.choice(("utf-16", "utf-32", "utf-8-sig")))
    if kind == 3:
        return bytes(content[: dice.randrange(len(content))])
    for _ in range(dice.choice((1, 3, 30))):
        content[dice.randrange(len(content))] = dice.randrange(256)
    return bytes(content)


def accepted_wrongly(document: documents.Document) -> str:
    """Returns what should have been refused in a document that was accepted, "" for nothing."""
    for activity in document.activities():
        module, arguments = activity.provider.module, activity.provider.arguments
        if module not in LISTED or module.split(".")[1] != f"{activity.type}s":
            return f"module {module!r}"
        function = getattr(sys.modules[module], activity.provider.func)
        if function.__module__ != module:
            return f"function {activity.provider.func!r} of {function.__module__}"
        bounds = [value for key, value in arguments.items() if key.endswith("_s") or key == "seconds"]
        if not all(type(bound) in {int, float} and 0 < bound <= 3600 for bound in bounds):
            return f"bounds {bounds}"
    if {control.provider.module for control in document.controls} - {"experiments.controls.recording"}:
        return "a control"
    return ""


class Auditor:
    """Looks at what the interpreter does while it is told to."""

    def __init__(self) -> None:
        self.watching = False
        self.violations: list[str] = []
        sys.addaudithook(self.hook)

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        """Notes an import that is not listed, and whatever could run or reach something."""
        if not self.watching:
            return
        if event == "import" and not documents.ALLOWED_MODULES.fullmatch(str(args[0])):
            self.violations.append(f"import of {args[0]!r}")
        elif event.startswith(FORBIDDEN) or (event == "open" and str(args[1] or "r")[0] != "r"):
            self.violations.append(f"{event} {args!r}"[:200])

    def check(self, content: bytes | None, data: Any) -> tuple[str, documents.Document | None]:
        """Checks one document, given as text or as what was read from it."""
        self.watching = True
        try:
            plain = plain_yaml.look_at_values(data) if content is None else plain_yaml.parse(content)
            return "accepted", documents.check(plain, NAME)
        except Problem:
            return "refused", None
        except (ValueError, RecursionError, yaml.YAMLError):  # what plain_yaml.read makes a Problem of
            return "not plain data", None
        finally:
            self.watching = False


def main() -> None:
    """Checks COUNT documents."""
    resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30, 2 * 2**30))  # a bomb that goes off must not take the machine
    count, dice, begin = int(sys.argv[1]), random.Random(sys.argv[2]), time.monotonic()  # noqa: S311 - no secret
    for module in LISTED:
        importlib.import_module(module)
    is_open = "--open" in sys.argv
    if is_open:
        documents._allowed.__code__ = (lambda module: module).__code__
    shipped = {TEXT: SMALL} | {
        text: json.dumps(plain_yaml.parse(text.encode()))
        for text in (catalogue.find(name).path.read_text() for name in catalogue.names())
    }
    texts = [TEXT] * 60 + list(shipped)
    auditor, seen, slowest_s = Auditor(), collections.Counter[str](), 0.0
    for _ in range(count):
        text, content, data = dice.choice(texts), None, None
        if dice.random() < 0.25:
            content = change_text(dice, text)
        else:  # as if it had been read: most of the time would go into libyaml
            data = change_data(dice, json.loads(shipped[text]), ["module"] if is_open else HOSTILE["keys"])
        began = time.process_time()
        outcome, document = auditor.check(content, data)
        slowest_s = max(slowest_s, time.process_time() - began)
        seen[outcome] += 1
        if document and (wrong := accepted_wrongly(document)):
            auditor.violations.append(f"accepted: {wrong}")
    told = {"documents": count, **seen, "slowest_s": round(slowest_s, 3), "took_s": round(time.monotonic() - begin, 1)}
    print(json.dumps(told | {"violations": auditor.violations[:20]}))


if __name__ == "__main__":
    main()
