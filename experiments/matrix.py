"""Who may call whom, as a document says it: read by what makes the calls, and by the check of the settings.

```yaml
callers:
  visitor: {account: callers/caller, pods: callers/app=caller-us-east-1a, container: caller}
  prometheus: {account: observability/prometheus}     # calls by itself, and is asked what it was answered
matrix:
  - {target: shop/app=app, port: 8080, host: app, call: GET /, allowed: [visitor], refused: [injector]}
  - {target: shop/app=app, port: 9102, allowed: [prometheus], refused: [injector]}     # no Service has this port
```
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Expected = Literal["allowed", "refused"]
SELECTOR = r"^[a-z0-9-]+/app=[a-z0-9-]+$"
SCRAPE = "scrape"  # what is tried at a port that no Service has


class Strict(BaseModel):
    """Anything that is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Caller(Strict):
    """An identity, and where it calls from.

    Attributes:
        account: <namespace>/<service account>: what its certificate says.
        pods: <namespace>/<selector>; "" for one that calls by itself.
    """

    account: str = Field(pattern=r"^[a-z0-9-]+/[a-z0-9-]+$")
    pods: str = Field(default="", pattern=rf"{SELECTOR}|^$")
    container: str = ""


class Row(Strict):
    """One call to a port of a workload's pods, who must be answered and who must be refused.

    Attributes:
        host: the Service, in the target's namespace; "" at a port that none has: then it is called with a certificate
            and without a proxy, because a proxy lets nobody out to there.
    """

    target: str = Field(pattern=SELECTOR)
    port: int
    host: str = ""
    call: str = Field(default=SCRAPE, pattern=r"^(scrape|[A-Z]+ /[a-z/]*)$")
    allowed: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def namespace(self) -> str:
        """Of the target."""
        return self.target.partition("/")[0]

    @property
    def selector(self) -> str:
        """Of the target's pods."""
        return self.target.partition("/")[2]

    @property
    def place(self) -> str:
        """The target as the record names it: shop/app:8080."""
        return f"{self.namespace}/{self.selector.removeprefix('app=')}:{self.port}"

    @property
    def method(self) -> str:
        """Of the call, "" where none can be told."""
        return "" if self.call == SCRAPE else self.call.partition(" ")[0]

    def callers(self, expected: Expected) -> tuple[str, ...]:
        """Returns who must be answered, or who must be refused."""
        return self.allowed if expected == "allowed" else self.refused


class Matrix(Strict):
    """Everybody, and everything that is tried."""

    callers: dict[str, Caller]
    matrix: tuple[Row, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        """A caller that nobody describes, or a port where nobody may be served, would prove nothing."""
        served = {row.place for row in self.matrix if row.allowed}
        for row in self.matrix:
            if unknown := sorted({*row.allowed, *row.refused} - set(self.callers)):
                raise ValueError(f"{row.call} {row.place}: no caller is called {', '.join(unknown)}")
            if row.refused and row.place not in served:
                raise ValueError(f"{row.place}: nobody is allowed, so a refusal would prove nothing")
            if bool(row.host) is (row.call == SCRAPE):
                raise ValueError(f"{row.place}: a call needs a host, and where there is none it can only be scraped")
        return self

    @classmethod
    def read(cls, arguments: dict[str, Any]) -> Matrix:
        """Returns the matrix among an activity's arguments."""
        return cls(callers=arguments["callers"], matrix=arguments["matrix"])

    def entries(self, expected: Expected) -> Iterator[tuple[Row, str]]:
        """Yields each row with each of the callers of whom this is expected."""
        for row in self.matrix:
            for caller in row.callers(expected):
                yield row, caller

    def name(self, row: Row, caller: str) -> str:
        """Returns how the record names an entry."""
        return f"{self.callers[caller].account} {row.call} {row.place}"
