"""The server of known latency: what it says of itself is what a caller meets, and a stall is one."""

import time
from pathlib import Path

from loadtests import bench, samples
from loadtests.run import HostCaller

BUSY_S = 60  # a machine may take that long, and the figures must agree all the same


def test_the_server_tells_how_long_it_held_each_request(tmp_path: Path) -> None:
    with bench.known_server(0.3) as url, HostCaller(url, 20, 1, tmp_path / "s", timeout_s=BUSY_S) as caller:
        caller.wait()
        held_s = bench.truth(url)
        assert bench.truth(url) == []
    seen = samples.read(tmp_path / "s").samples
    assert len(held_s) == len(seen) == 20
    assert min(held_s) >= 0.3
    assert all(sample.done - sample.sent >= 0.3 for sample in seen)


def test_a_stall_holds_what_comes_until_its_end() -> None:
    with bench.known_server(0.001) as url:
        begin = time.monotonic()
        for path in ("/stall?1.5", "/browse"):
            assert bench.ask(url + path) == b"{}"
        assert time.monotonic() - begin >= 1.5
        assert len(bench.truth(url)) == 1
