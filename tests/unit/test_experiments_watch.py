"""What the watchers read: ejections as honest intervals, ready pods that really count, pressure."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from urllib3.exceptions import ReadTimeoutError

from deploy.errors import Problem
from experiments import pods, session
from experiments.actions import tries, workload
from experiments.actions.handshakes import parse_inbound, ports_of
from experiments.actions.workload import choose
from experiments.drivers import access_log
from experiments.pods import Pod
from experiments.record import Recorder, read_lines
from experiments.traffic import succeeded
from experiments.watch import counters, ejection, pressure
from experiments.watch.ready import ReadyWatcher, Seen, count
from experiments.watch.thread import Watcher

LINE = "outbound|8080||app.shop.svc.cluster.local::10.244.1.5:8080"


def polls(*lines: Any) -> Any:
    return iter([ejection.parse(line) for line in lines])


def test_an_ejection_lies_between_the_last_clear_poll_and_the_first_flagged_one() -> None:
    seen = list(ejection.ejections(polls("1.00 1.02 ", "2.00 2.03", f"3.00 3.01 {LINE}", f"4.00 4.01 {LINE}")))
    assert seen == [(ejection.BEGAN, "10.244.1.5:8080", 2.0, 3.01)]


def test_its_end_lies_between_the_last_flagged_poll_and_the_first_clear_one() -> None:
    seen = list(ejection.ejections(polls("1 1.1", f"2 2.1 {LINE}", f"3 3.1 {LINE}", "4 - -", "5 5.1", "6 6.1")))
    assert seen[1:] == [(ejection.ENDED, "10.244.1.5:8080", 3.0, 5.1)]


def test_a_poll_without_an_answer_widens_the_interval() -> None:
    seen = list(ejection.ejections(polls("1.00 1.02", "2.00 - -", f"3.00 3.01 {LINE}")))
    assert seen == [(ejection.BEGAN, "10.244.1.5:8080", 1.0, 3.01)]


def test_a_flag_older_than_the_watch_is_not_this_fault_s() -> None:
    assert list(ejection.ejections(polls(f"1.00 1.02 {LINE}", f"2.00 2.01 {LINE}"))) == []


def test_a_host_that_came_back_and_went_again_is_told_twice() -> None:
    seen = list(ejection.ejections(polls("1 1", f"2 2 {LINE}", "3 3", f"4 4 {LINE}")))
    assert [(lo, hi) for kind, _, lo, hi in seen if kind == ejection.BEGAN] == [(1, 2), (3, 4)]


def test_a_host_that_came_after_the_watch_began_is_told_by_its_address(tmp_path: Path, monkeypatch: Any) -> None:
    watcher = ejection.EjectionWatcher(Recorder(tmp_path), SimpleNamespace(), "ns/c", "app", {})  # type: ignore[arg-type]
    monkeypatch.setattr(watcher, "lines", lambda *_: iter(["1.00 1.02", f"2.00 2.03 {LINE}"]))
    watcher.watch()
    (event,) = read_lines(tmp_path / "events.ndjson")
    assert (event["kind"], event["host"], *watcher.flagged) == (ejection.BEGAN, "10.244.1.5", "10.244.1.5")


@pytest.mark.parametrize("line", ["", "one word", "x y z", "1.0"])
def test_what_is_no_poll_is_an_error_not_a_clear_poll(line: Any) -> None:
    with pytest.raises(ValueError, match=r"unpack|convert"):
        ejection.parse(line)


def test_ready_pods_of_the_faulted_zone_and_leaving_pods_do_not_count() -> None:
    pods = [Seen("app", "a", counts=True), Seen("app", "b", counts=True), Seen("app", "a", counts=False)]
    pods.append(Seen("api", "a", counts=True))
    assert count(pods, "app", None).ready == 2
    assert count(pods, "app", "b").ready == 1
    assert count(pods, "app", "b").by_zone == {"a": 1}


def pod(name: str, node: str = "n1", ports: Any = (8080,), *, sidecar: Any = True, **annotations: Any) -> Pod:
    states: dict[str, Any] = {"running": True, "leaving": False, "ready": True, "sidecar": sidecar}
    return Pod("shop", name, f"uid-{name}", "10.0.0.1", node, ports=tuple(ports), annotations=annotations, **states)


def test_the_same_seed_chooses_the_same_places_whatever_the_pods_are_called() -> None:
    first = [pod(f"app-{n}-abcde", f"n{n % 3}") for n in range(9)]
    second = [pod(f"app-{n}-vwxyz", f"n{n % 3}") for n in range(9)]
    chosen = [each.name[:5] for each in choose(first, 2, "7")]
    assert chosen == [each.name[:5] for each in choose(list(reversed(second)), 2, "7")]
    assert len({tuple(each.name for each in choose(first, 1, str(seed))) for seed in range(40)}) > 5


@pytest.mark.parametrize("number", [0, 10])
def test_a_fault_that_would_hit_none_or_not_enough_is_refused(number: Any) -> None:
    from deploy.errors import Problem

    with pytest.raises(Problem, match="were to be broken"):
        choose([pod(f"app-{n}") for n in range(9)], number, "1")


def test_ports_left_out_on_purpose_are_told_and_pods_without_sidecar_are_not_excused() -> None:
    key: Any = "traffic.sidecar.istio.io/excludeInboundPorts"
    found = [pod("a", ports=(8080, 9102), **{key: "9102"}), pod("b", ports=(80,), sidecar=False, **{key: "80"})]
    ports, excluded = ports_of(found)
    assert [port.name for port in ports] == ["shop/a:8080", "shop/b:80"]
    assert excluded == ["shop/a:9102"]


def test_connections_are_read_from_envoy_s_statistics() -> None:
    text = (
        "cluster.inbound|8080||;.upstream_cx_active: 3\ncluster.inbound|8080||;.upstream_cx_http1_total: 12\n"
        "cluster.inbound|5432||;.upstream_cx_active: 1\ncluster.outbound|80||x.upstream_cx_active: 9\n"
    )
    assert parse_inbound(text) == {8080: (3, 12), 5432: (1, 0)}


def test_the_share_of_successes_leaves_torn_lines_and_old_samples_out() -> None:
    old, fine, bad = ('{"i":1,"done":5.0,"status":200}', '{"done":9.0,"status":404}', '{"done":9.5,"status":503}')
    text = f'0,"status":200}}\n{old}\n{fine}\n{bad}\n{{"i":4,"do'
    assert succeeded(text, after=8.0) == [True, False]


def test_pressure_is_read_from_the_kernel_s_text() -> None:
    text = "some avg10=12.50 avg60=3.00 avg300=1.00 total=123456\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
    assert pressure.parse(text) == {"cpu_some_avg10": 12.5, "cpu_some_total_us": 123456.0}


def test_a_list_that_comes_too_late_is_asked_for_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Kubernetes' own client lets urllib3's errors through, which are no OSError."""
    watcher = ReadyWatcher.__new__(ReadyWatcher)
    Watcher.__init__(watcher, "ready watcher of data", Recorder(tmp_path))
    watcher.cluster = SimpleNamespace(api=SimpleNamespace(configuration=None))  # type: ignore[assignment]
    asked: list[str] = []

    def late(_core: Any) -> str:
        asked.append("list")
        if len(asked) == 2:
            watcher.stopping.set()
        raise ReadTimeoutError(None, "/api/v1/namespaces/data/pods", "Read timed out.")  # type: ignore[arg-type]

    monkeypatch.setattr(watcher, "_list", late)
    monkeypatch.setattr(watcher.stopping, "wait", lambda _: None)
    watcher.run()
    assert (asked, watcher.failed) == (["list", "list"], None)
    assert "ReadTimeoutError" in (tmp_path / "events.ndjson").read_text()


def test_what_a_proxy_counts_is_read_by_the_last_word_and_summed_over_upstreams() -> None:
    of_app = "cluster.outbound|8080||app.shop.svc.cluster.local;.upstream_rq_retry:3"
    poll = counters.parse(f"1.00 1.02 {of_app},{of_app},http.x.rate_limit.rate_limited:7,cluster.x.upstream_rq_time:P0")
    assert (poll.before, poll.after) == (1.0, 1.02)
    assert poll.counts == {"upstream_rq_retry": 6, "rate_limited": 7}
    assert counters.parse("2.00 2.01").counts == {}
    assert counters.parse("3.00 - -").counts is None


@pytest.mark.parametrize("line", ["", "one word", "x y z", "1.0"])
def test_what_is_no_look_at_the_counters_is_an_error(line: Any) -> None:
    with pytest.raises(ValueError, match=r"unpack|convert"):
        counters.parse(line)


LOGGED = (
    '[2026-11-30T11:00:00.250Z] "GET / HTTP/1.1" {status} - via_upstream - "-" 0 46 {ms} 1 "-" "{agent}" "{call}" '
    '"app.shop.svc.cluster.local:8080" "10.244.1.5:8080" inbound|8080|| 127.0.0.6:1 10.244.1.5:8080 10.244.2.4:1 x d'
)


def logged(host: str, at: str, status: int, call: str, ms: int = 10, agent: str = access_log.CALLER) -> Any:
    text = LOGGED.format(status=status, ms=ms, agent=agent, call=call).replace("11:00:00.250", at)
    return access_log.parse(host, f"2026-11-30T11:00:00Z info something else\n{text}\n")


def test_a_request_is_read_from_an_access_log() -> None:
    (line,) = logged("app-1", "11:00:01.500", 503, "a", 20)
    assert line == access_log.Line("app-1", 1796036401.5, 0.02, "/", 503, "resilience-caller", "a")


def test_tries_of_calls_that_met_an_error_are_put_in_order() -> None:
    lines = [
        *logged("app-1", "11:00:00.500", 200, "a"),
        *logged("app-1", "11:00:01.000", 200, "fine"),
        *logged("app-2", "11:00:00.250", 503, "a", 20),
        *logged("app-2", "11:00:02.000", 503, "b", agent="kube-probe/1.36"),
    ]
    found = tries.failed(lines, ahead_s=1796036400.0)  # 2026-11-30 11:00
    assert list(found) == ["a"]
    assert found["a"] == [tries.Try("app-2", 0.25, 0.27, 503), tries.Try("app-1", 0.5, 0.51, 200)]


def client(name: str, node: str) -> Any:
    return SimpleNamespace(name=name, ip=f"10.0.0.{name[-1]}", node=node, running=True)


def watched(monkeypatch: pytest.MonkeyPatch, clients: list[str], clients_in: dict[str, list[str]]) -> list[str]:
    there = {"app=caller": [client("caller-1", "a")], "app=app": [client("app-2", "a"), client("app-3", "b")]}
    nodes = {"us-east-1a": ["a"], "us-east-1c": ["c"]}
    told: list[Any] = []
    running = SimpleNamespace(
        cluster=SimpleNamespace(nodes_in=nodes.__getitem__),
        recorder=SimpleNamespace(event=lambda kind, **about: told.append((kind, about))),
        add=lambda _: None,
    )
    monkeypatch.setattr(session, "current", lambda: running)
    monkeypatch.setattr(pods, "find", lambda _cluster, _namespace, selector: there.get(selector, []))
    monkeypatch.setattr(workload, "EjectionWatcher", lambda *_: SimpleNamespace(polls=1))
    workload.watch_ejections("shop", "api", clients, clients_in=clients_in)
    ((kind, about),) = told
    assert (kind, about["fault"]) == ("clients", "replicas of shop/api answer errors")
    return list(about["expected"])


def test_of_the_clients_of_a_zone_those_that_stand_in_it_are_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    names = watched(monkeypatch, ["callers/app=caller"], {"us-east-1a": ["shop/app=app"]})
    assert names == ["callers/caller-1", "shop/app-2"]
    assert watched(monkeypatch, ["shop/app=app"], {}) == ["shop/app-2", "shop/app-3"]


def test_a_zone_without_such_a_client_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Problem, match="no client runs in us-east-1c that matches shop/app=app"):
        watched(monkeypatch, [], {"us-east-1c": ["shop/app=app"]})
