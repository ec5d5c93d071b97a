"""No action changes a cluster that is not ours."""

from typing import Any

from tests.component.fake_tools import calls
from tests.component.hostile_actions import act
from tests.component.hostile_homes import a_decoy


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
