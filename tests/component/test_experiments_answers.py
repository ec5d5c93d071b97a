"""What a local service answers, from a real server on loopback that answers as it is told."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from deploy.errors import Problem
from experiments.drivers import answers
from experiments.drivers.answers import ask, tell


class Service(BaseHTTPRequestHandler):
    """Answers as it was told, and keeps what it was asked."""

    asked: ClassVar[list[tuple[str, str, bytes]]] = []
    answer: ClassVar[Callable[[BaseHTTPRequestHandler], None]]

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append((self.command, self.path, body))
        type(self).answer(self)

    do_POST = do_GET  # noqa: N815 - http.server's name

    def log_message(self, *_: object) -> None:
        pass


def says(body: bytes, status: int = 200, length: int | None = None) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.fixture
def service() -> Iterator[str]:
    Service.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_fields_are_quoted_a_body_is_posted_and_no_proxy_is_asked(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    Service.answer = says(b'{"a": 1}')
    assert ask(f"{service}/q", {"query": 'up{a="b+c"} > 0', "limit": 2}) == {"a": 1}
    assert tell(f"{service}/p", body={"item": "tea"}) == '{"a": 1}'
    assert Service.asked == [
        ("GET", "/q?query=up%7Ba%3D%22b%2Bc%22%7D+%3E+0&limit=2", b""),
        ("POST", "/p", b'{"item": "tea"}'),
    ]


@pytest.mark.parametrize(
    ("answer", "what", "why"),
    [
        (says(b'{"error": "parse error"}', 400), r"/q was answered 400", "parse error"),
        (says(b"<html>not here</html>"), r"/q did not answer with JSON", "not here"),
        (says(b"half", length=9), r"/q did not answer whole", "broke off after 4 bytes"),
        (lambda handler: handler.connection.close(), r"/q does not answer", ""),
    ],
    ids=["refused", "no JSON", "half an answer", "hangs up"],
)
def test_what_is_wrong_is_told_with_the_address_and_the_answer(
    service: str, answer: Callable[[BaseHTTPRequestHandler], None], what: str, why: str
) -> None:
    Service.answer = answer
    with pytest.raises(Problem, match=what) as problem:
        ask(f"{service}/q", silence_s=60)
    assert service in problem.value.what
    assert why in problem.value.why
    assert problem.value.fix


def test_a_service_that_says_nothing_is_not_waited_for(service: str) -> None:
    over = threading.Event()

    def says_nothing(_: BaseHTTPRequestHandler) -> None:
        over.wait(60)

    Service.answer = says_nothing
    with pytest.raises(Problem, match=r"/q does not answer") as problem:
        ask(f"{service}/q", silence_s=0.2)
    over.set()
    assert "timed out" in problem.value.why
    assert problem.value.fix


def test_an_answer_that_is_too_large_is_not_read_to_its_end(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "BYTES_MAX", 100)
    Service.answer = says(b"x" * 100)
    assert tell(service) == "x" * 100
    Service.answer = says(b"x" * 101)
    with pytest.raises(Problem, match="did not answer whole") as problem:
        tell(service)
    assert "too large" in problem.value.why


def test_nobody_there_is_a_problem() -> None:
    with pytest.raises(Problem, match="does not answer"):
        ask("http://127.0.0.1:9")
