"""A clock that only pauses move: what waits takes no time, and a slow machine changes nothing."""


class Clock:
    """Stands in for the module `time` of deploy.waiting."""

    now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now_s += seconds
