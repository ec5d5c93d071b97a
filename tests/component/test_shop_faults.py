"""The fault switch: what it accepts, that it always heals by itself, and that it answers while the server hangs."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator

import pytest

from deploy.waiting import eventually
from deploy.workloads.shop import strain, switchboard
from deploy.workloads.shop.faults import FOR_S_MAX, BadFault, Fault, FaultSwitch


class Clock:
    """A clock that stands until it is moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def switch(clock: Clock) -> FaultSwitch:
    return FaultSwitch("app-0", clock)


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "status", "value": 400, "for_s": 1},
        {"kind": "status", "value": 599, "for_s": FOR_S_MAX},
        {"kind": "delay", "value": 60, "for_s": 1},
        {"kind": "cpu", "value": 1, "for_s": 1},
        {"kind": "memory", "value": 1024, "for_s": 1},
        {"kind": "hang", "for_s": 0.5},
        {"kind": "hang", "for_s": 5, "probes": True},
        {"kind": "unready", "for_s": 5},
    ],
)
def test_what_is_within_bounds_is_accepted(body: dict[str, object]) -> None:
    fault = Fault.parse(body)
    assert (fault.kind, fault.for_s) == (body["kind"], body["for_s"])


@pytest.mark.parametrize(
    ("body", "fix"),
    [
        ([], "send a JSON object"),
        ({"kind": "explode", "for_s": 1}, "use one of status, delay"),
        ({"kind": ["status"], "for_s": 1}, "use one of status, delay"),
        ({"kind": "status", "value": 500}, "for_s is missing"),
        ({"kind": "status", "value": 500, "for_s": FOR_S_MAX + 1}, "send a number from 0.001 to 3600"),
        ({"kind": "status", "value": 500, "for_s": 0}, "send a number from 0.001 to 3600"),
        ({"kind": "status", "value": 500, "for_s": float("nan")}, "send a number"),
        ({"kind": "status", "value": 500, "for_s": True}, "send a number"),
        ({"kind": "status", "value": 500, "for_s": "60"}, "send a number"),
        ({"kind": "status", "value": 399, "for_s": 1}, "from 400 to 599"),
        ({"kind": "status", "value": 600, "for_s": 1}, "from 400 to 599"),
        ({"kind": "status", "value": 500.5, "for_s": 1}, "whole number"),
        ({"kind": "status", "for_s": 1}, "value is None"),
        ({"kind": "delay", "value": 61, "for_s": 1}, "seconds to wait"),
        ({"kind": "cpu", "value": 1.5, "for_s": 1}, "cores to burn"),
        ({"kind": "memory", "value": 0, "for_s": 1}, "MiB to hold"),
        ({"kind": "hang", "value": 1, "for_s": 1}, "leave it out"),
        ({"kind": "delay", "value": 1, "for_s": 1, "probes": True}, 'only with {"kind": "hang"}'),
        ({"kind": "hang", "for_s": 1, "extra": 1}, "unknown field 'extra'"),
    ],
)
def test_what_is_not_is_refused_with_the_fix_in_the_text(body: object, fix: str) -> None:
    with pytest.raises(BadFault) as refused:
        Fault.parse(body)
    assert fix in str(refused.value)


def test_a_fault_heals_by_itself_at_its_time_and_not_before(switch: FaultSwitch, clock: Clock) -> None:
    switch.set(Fault("status", 500, for_s=60))
    clock.now = 159.999
    assert switch.take() is not None
    clock.now = 160.0
    assert switch.take() is None
    state = switch.state()
    assert (state["active"], state["until_mono"], state["faulted_total"], state["served_total"]) == (None, 160.0, 1, 2)


def test_taking_a_fault_back_keeps_its_count_and_says_when_it_ended(switch: FaultSwitch, clock: Clock) -> None:
    active = switch.set(Fault("status", 503, for_s=60))
    switch.take()
    clock.now = 107.0
    switch.clear()
    clock.now = 300.0
    switch.clear()
    state = switch.state()
    assert active.cleared.done()
    assert (state["active"], state["since_mono"], state["until_mono"]) == (None, 100.0, 107.0)
    assert state["faulted_total"] == 1


def test_a_new_fault_replaces_the_old_one_and_starts_its_own_count(switch: FaultSwitch) -> None:
    old = switch.set(Fault("hang", 0, for_s=60))
    switch.take()
    switch.set(Fault("status", 502, for_s=10))
    assert old.cleared.done()
    assert switch.state()["faulted_total"] == 0
    assert switch.state()["active"] == {"kind": "status", "value": 502, "for_s": 10, "probes": False}


@pytest.mark.parametrize("kind", ["cpu", "memory", "unready"])
def test_faults_of_the_whole_pod_affect_no_request(switch: FaultSwitch, kind: str) -> None:
    switch.set(Fault(kind, 0.1, for_s=10))
    assert switch.take() is None
    assert switch.state()["faulted_total"] == 0


def test_probes_suffer_only_what_is_meant_for_them(switch: FaultSwitch) -> None:
    switch.set(Fault("hang", 0, for_s=10))
    assert switch.take_probe(readiness=True) is None
    switch.set(Fault("unready", 0, for_s=10))
    assert switch.take_probe(readiness=True)
    assert switch.take_probe(readiness=False) is None
    switch.set(Fault("hang", 0, for_s=10, probes=True))
    assert switch.take_probe(readiness=False)


class Core:
    """Stands in for `time` and `hashlib`: a core that nobody else uses, on which a hash takes a millisecond."""

    now = burnt = 100.0

    def monotonic(self) -> float:
        return self.now

    def thread_time(self) -> float:
        return self.burnt

    def sha256(self, _: bytes) -> Core:
        self.now, self.burnt = self.now + 0.001, self.burnt + 0.001
        return self

    def digest(self) -> None: ...

    def rest(self, _: object, timeout: float) -> None:
        self.now += timeout


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9, 1])
def test_a_burnt_share_of_a_core_is_what_was_asked_for(monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    core = Core()
    for name, stand_in in (("time", core), ("hashlib", core), ("wait", core.rest)):
        monkeypatch.setattr(strain, name, stand_in)
    strain._burn(FaultSwitch("app-0", core.monotonic).set(Fault("cpu", share, for_s=6)))
    assert core.now == pytest.approx(106, abs=0.1)
    assert (core.burnt - 100) / 6 == pytest.approx(share, abs=0.02)


def test_the_burning_is_real_and_ends_with_its_fault() -> None:
    switch, before_s = FaultSwitch("app-0"), time.process_time()
    thread = strain.start(switch.set(Fault("cpu", 0.3, for_s=600)))
    assert thread is not None
    eventually(time.process_time, lambda now_s: now_s > before_s + 0.1, within_s=120, what="0.1 s to be burnt")
    switch.clear()
    thread.join(60)
    assert not thread.is_alive()


def test_held_memory_is_really_there_and_really_given_back() -> None:
    switch, before_mib = FaultSwitch("app-0"), _resident_mib()
    thread = strain.start(switch.set(Fault("memory", 64, for_s=600)))
    assert thread is not None
    eventually(_resident_mib, lambda mib: mib > before_mib + 55, within_s=120, what="64 MiB more", every_s=0.02)
    switch.clear()
    thread.join(60)
    assert not thread.is_alive()
    assert _resident_mib() < before_mib + 20


def _resident_mib() -> float:
    with open("/proc/self/statm") as statm:  # noqa: PTH123 - one number of the kernel's
        return int(statm.read().split()[1]) * 4096 / (1 << 20)


@pytest.fixture
def board(switch: FaultSwitch) -> Iterator[http.client.HTTPConnection]:
    server = switchboard.start(switch, "127.0.0.1", 0)
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=60)
    yield connection
    connection.close()
    server.shutdown()
    server.server_close()


def _ask(
    board: http.client.HTTPConnection, method: str, path: str, body: str | None = None
) -> tuple[int, dict[str, object]]:
    board.request(method, path, body)
    answer = board.getresponse()
    return answer.status, json.loads(answer.read())


def test_the_switch_is_set_read_and_taken_back_over_one_connection(board: http.client.HTTPConnection) -> None:
    before = _ask(board, "GET", "/fault")
    set_to = _ask(board, "POST", "/fault", '{"kind": "delay", "value": 2, "for_s": 60}')
    healed = _ask(board, "DELETE", "/fault")
    assert (before[0], before[1]["active"], before[1]["since_mono"]) == (200, None, None)
    assert set_to[1]["active"] == {"kind": "delay", "value": 2, "for_s": 60, "probes": False}
    assert (set_to[1]["since_mono"], set_to[1]["until_mono"], set_to[1]["pod"]) == (100.0, 160.0, "app-0")
    assert (healed[0], healed[1]["active"], healed[1]["until_mono"]) == (200, None, 100.0)


@pytest.mark.parametrize(
    ("body", "fix"),
    [("{", "not JSON"), ('{"kind": "hang"}', "for_s is missing"), ("x" * 5000, "at most 4096 bytes")],
)
def test_a_bad_request_gets_400_and_changes_nothing(
    board: http.client.HTTPConnection, switch: FaultSwitch, body: str, fix: str
) -> None:
    status, answer = _ask(board, "POST", "/fault", body)
    assert status == 400
    assert fix in str(answer["error"])
    assert switch.active() is None


def test_another_path_is_told_where_to_go(board: http.client.HTTPConnection) -> None:
    assert _ask(board, "GET", "/")[0] == 404
