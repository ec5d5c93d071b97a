"""Without the guard the actions and commands that it stops do change a cluster: or their silence would mean nothing."""

from typing import Any

from tests.component.fake_tools import calls
from tests.component.hostile_actions import act
from tests.component.hostile_homes import OWN_RIGHTS, Setup, a_decoy, asked, do, home


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
