"""Packet rules of a node: put there, counted and taken away, once and again. Docker and nft are scripts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.errors import Problem
from experiments.drivers import deadman, packet_rules
from experiments.ledger import Ledger
from tests.component.fake_tools import fake

# What runs on the node runs here, with an nft that keeps its table in a file.
DOCKER = """case $1 in
  ps) echo "w1 running" ;;
  exec) shift; while [ "$1" != sh ]; do shift; done; exec "$@" ;;
esac"""
NFT = """here=$(dirname "$0")
case $1 in
  -f) cat > "$here/table" ;;
  list) cat "$here/table" ;;
  delete) [ ! -e "$here/busy" ] && rm "$here/table" ;;
esac"""
WRITTEN = {"undo": "remove-rules", "node": "w1", "table": "resilience-a"}


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with docker and nft that are first on PATH."""
    folder = tmp_path / "bin"
    fake(folder, "docker", DOCKER)
    fake(folder, "nft", NFT)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def test_rules_are_made_counted_and_taken_away(node: Path) -> None:
    packet_rules.refuse("w1", "resilience-a", "10.244.1.5", 8080)
    rules = (node / "table").read_text()
    assert rules.count("ip daddr 10.244.1.5 tcp dport 8080") == 2
    assert rules.count("reject with tcp reset") == 2
    assert packet_rules.refused("w1", "resilience-a") == 0
    (node / "table").write_text(rules.replace(" counter ", " counter packets 12 bytes 720 "))
    assert packet_rules.refused("w1", "resilience-a") == 12
    assert packet_rules.remove("w1", "resilience-a")
    assert not packet_rules.remove("w1", "resilience-a")
    assert packet_rules.refused("w1", "resilience-a") == 0


def test_the_undo_may_be_repeated_and_says_what_it_did(node: Path) -> None:
    packet_rules.refuse("w1", "resilience-a", "10.244.1.5", 8080)
    assert packet_rules.undo(WRITTEN) == "rules resilience-a removed from w1"
    assert packet_rules.undo(WRITTEN) == "no rules resilience-a on w1"
    assert packet_rules.undo(WRITTEN | {"node": "w9"}) == "node w9 is gone"


def test_rules_that_cannot_be_taken_away_are_told(node: Path) -> None:
    packet_rules.refuse("w1", "resilience-a", "10.244.1.5", 8080)
    (node / "busy").touch()
    with pytest.raises(Problem, match="asking w1"):
        packet_rules.remove("w1", "resilience-a")


def test_the_timer_takes_rules_away(node: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadman, "pause", lambda _: None)
    packet_rules.refuse("w1", "resilience-a", "10.244.1.5", 8080)
    ledger = Ledger(tmp_path / "ledger.ndjson")
    deadman.wait_and_thaw(ledger.path, 1, [ledger.intend("refusal", WRITTEN).id])
    assert not (node / "table").exists()
    assert ledger.open() == []
