"""Every action of every document, called against a cluster that is not ours."""

from pathlib import Path
from typing import Any

from experiments import catalogue, documents
from tests.component.decoy import Decoy
from tests.component.hostile_homes import OWN_RIGHTS, Setup, do, home


def actions() -> list[tuple[str, str, dict[str, Any]]]:
    """Every action of every document, with arguments that do not make it wait."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for name in catalogue.names():
        for activity in documents.load(catalogue.find(name).path, name).activities():
            if activity.type == "action" and not activity.provider.func.startswith(
                "watch_"
            ):  # they only watch, and wait
                bounds = [key for key in activity.provider.arguments if documents.BOUNDS.fullmatch(key)]
                short = {key: 10 if key == "settle_s" else 1 for key in bounds}  # it settles by itself
                arguments = activity.provider.arguments | short
                if "apps" in arguments:
                    arguments["apps"] = ["app"]
                if "zone" in arguments:
                    arguments["zone"] = "us-east-1b"
                found.setdefault((activity.provider.module, activity.provider.func), arguments)
    return [(module, func, arguments) for (module, func), arguments in found.items()]


def act(folder: Path, decoy: Decoy, *, unguarded: bool) -> dict[str, Any]:
    jobs = []
    for number, (module, func, arguments) in enumerate(actions()):
        env = home(folder / str(number), decoy, Setup("foreign", (), OWN_RIGHTS), left=False)
        action = {"name": f"{module}.{func}", "env": env, "action": (module, func, arguments), "unguarded": unguarded}
        jobs.append(action)
    return do(folder, jobs)
