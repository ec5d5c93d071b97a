"""What a node says is left on it: rules, queues and callers that are nobody's own."""

import pytest

from experiments.drivers import docker_nodes, node_state

TOLD = """\
rules\ttable ip nat {
rules\t\tchain KUBE-SVC-A {
rules\t\t\tip daddr 10.96.0.1 counter jump KUBE-MARK-MASQ
rules\t\t}
rules\t\tchain POSTROUTING {
rules\t\t\ttype nat hook postrouting priority srcnat; policy accept;
rules\t\t\tcounter jump KUBE-POSTROUTING
rules\t\t\tip saddr 10.244.1.7 counter jump CNI-1f2e
rules\t\t}
rules\t}
qdiscs\tqdisc noqueue 0: dev lo root refcnt 2
qdiscs\tqdisc fq_codel 0: dev eth0 root refcnt 2 limit 10240p
pod rules\ttable ip nat {
pod rules\t\tchain ISTIO_INBOUND {
pod rules\t\t\ttcp dport 15090 return
pod rules\t\t}
pod rules\t}
"""


def test_a_node_that_nobody_touched_has_nothing() -> None:
    assert node_state.parse(TOLD) == {}


@pytest.mark.parametrize(
    ("added", "section", "told"),
    [
        (
            "rules\ttable inet chaos {\nrules\t\tchain drop {\nrules\t\t\tip saddr 10.1.0.3 drop",
            "rules",
            "table inet chaos chain drop: ip saddr 10.1.0.3 drop",
        ),
        (
            "rules\ttable ip filter {\nrules\t\tchain FORWARD {\nrules\t\t\tip daddr 10.244.2.0/24 counter drop",
            "rules",
            "table ip filter chain FORWARD: ip daddr 10.244.2.0/24 counter drop",
        ),
        (
            "pod rules\ttable ip filter {\npod rules\t\tchain OUTPUT {\npod rules\t\t\ttcp dport 5432 drop",
            "rules in pods",
            "table ip filter chain OUTPUT: tcp dport 5432 drop",
        ),
        (
            "qdiscs\tqdisc netem 8001: dev eth0 root refcnt 2 limit 1000 delay 60ms",
            "queues",
            "qdisc netem 8001: dev eth0 root refcnt 2 limit 1000 delay 60ms",
        ),
        ("callers\tpython3 /opt/app/open_loop.py --url x ", "callers", "python3 /opt/app/open_loop.py --url x"),
    ],
)
def test_what_was_left_is_told(added: str, section: str, told: str) -> None:
    assert node_state.parse(f"{TOLD}{added}\n") == {section: [told]}


def test_a_paused_node_is_not_asked_and_a_node_elsewhere_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def run_on(nodes: list[str], _: str) -> dict[str, str]:
        asked.extend(nodes)
        return dict.fromkeys(nodes, "")

    monkeypatch.setattr(docker_nodes, "states", lambda: {"w1": "running", "w2": "paused", "else": "running"})
    monkeypatch.setattr(docker_nodes, "run_on", run_on)
    assert node_state.look(["w1", "w2", "in-a-cloud"]) == {"w1": {}, "w2": {"container": ["paused"]}}
    assert asked == ["w1"]
