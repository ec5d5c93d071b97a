"""No action changes a cluster that is not ours; without the guard the same ones do, or silence would mean nothing."""

from pathlib import Path
from typing import Any

from experiments import catalogue, documents
from tests.component.decoy import Decoy
from tests.component.fake_tools import calls
from tests.component.hostile_homes import OWN_RIGHTS, Setup, a_decoy, asked, do, home


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


def test_no_action_changes_a_cluster_that_is_not_ours(tmp_path: Any) -> None:
    with a_decoy() as decoy:
        results = act(tmp_path, decoy, unguarded=False)
        assert decoy.changes("foreign") == []
        refused = {
            name.rpartition(".")[2]
            for name, result in results.items()
            if "was not made by this suite" in result["said"]
        }
    frozen = [call for folder in tmp_path.glob("*/bin") for call in calls(folder, "docker") if call.startswith("pause")]
    assert frozen == []
    injecting = {
        "break_replicas",
        "hang_replicas",
        "slow_replicas",
        "refuse_connections",
        "make_unready",
        "evict_until_refused",
        "pause",
        "destroy_volumes",
        "replace_pods",
        "delete_replicas",
        "kill_containers",
        "hand_in_by_every_protocol",
    }
    assert refused >= injecting | {"have_objects_backed_up", "restore_objects", "call_from_outside"}, results


def test_without_the_guard_the_decoy_is_changed(tmp_path: Any) -> None:
    with a_decoy() as decoy:
        act(tmp_path, decoy, unguarded=True)
        by_actions = decoy.changes("foreign")
        decoy.requests.clear()
        jobs = []
        for command in ("weaken", "heal"):
            env = home(tmp_path / command, decoy, Setup("foreign", (), OWN_RIGHTS), left=command == "heal")
            jobs.append({"name": command, "env": env, "unguarded": True} | asked(command, tmp_path))
        (tmp_path / "again").mkdir()
        do(tmp_path / "again", jobs)
        by_commands = decoy.changes("foreign")
    verbs = {change.split("?")[0] for change in by_actions}
    assert verbs >= {
        "POST /api/v1/namespaces/shop/pods/app/eviction",
        "POST /apis/velero.io/v1/namespaces/velero/backups",
        "POST /apis/velero.io/v1/namespaces/velero/restores",
        "DELETE /apis/apps/v1/namespaces/data/statefulsets/app",
        "GET /api/v1/namespaces/chaos/pods/app/exec",
    }
    assert [folder for folder in tmp_path.glob("*/bin") if "pause app" in calls(folder, "docker")]
    assert {change.split(" ")[0] for change in by_commands} >= {"DELETE", "PUT"}, by_commands
