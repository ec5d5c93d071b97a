"""What the platform itself says of a case: asked when it begins and when it ends, and kept beside what we saw.

A collector is data: questions by name. All are asked side by side and each is bounded in time. An answer that is empty
and a question that failed are facts too, told in the file and in an event: evidence that is missing must be seen to be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

from experiments.collect import envoy, kubernetes, prometheus, velero
from experiments.collect.scene import Scene
from experiments.record import as_json, now

type Question = Callable[[], Any]
type Collector = Callable[[Scene], Mapping[str, Question]]

FOLDER = "collected"
WITHIN_S = 8.0  # patience; an answer takes a tenth of a second
AT_A_TIME = 12
# Envoy only counts: what happened is the difference of two looks.
BEFORE: dict[str, Collector] = {"envoy": envoy.questions}
AFTER: dict[str, Collector] = {
    "envoy": envoy.questions,
    "kubernetes": kubernetes.questions,
    "prometheus": prometheus.questions,
    "velero": velero.questions,
}


@contextmanager
def collected(scene: Scene) -> Iterator[None]:
    """Collects while the block begins, and after it, however that ends.

    Chaos Toolkit takes seconds to start, and the steady state is looked at before anything is injected: nothing waits
    for the first look, whose own begin and end are recorded.
    """
    with ThreadPoolExecutor(1) as beside:
        first = beside.submit(collect, scene, "before", BEFORE)
        try:
            yield
        finally:
            first.result()
            collect(scene, "after", AFTER)


def collect(scene: Scene, when: str, collectors: Mapping[str, Collector]) -> None:
    """Asks everything, and writes what was answered within WITHIN_S; a collector that fails leaves the others alone."""
    begun = now()
    pool = ThreadPoolExecutor(AT_A_TIME)
    asked = {topic: _ask(pool, collector, scene) for topic, collector in collectors.items()}
    wait([future for futures in asked.values() for future in futures.values()], timeout=WITHIN_S)
    pool.shutdown(wait=False, cancel_futures=True)
    for topic, futures in asked.items():
        _write(scene, f"{topic}-{when}", begun, futures)


def _ask(pool: ThreadPoolExecutor, collector: Collector, scene: Scene) -> dict[str, Future[Any]]:
    try:
        return {name: pool.submit(question) for name, question in collector(scene).items()}
    except Exception as error:  # noqa: BLE001 - what could not be asked is a fact; the other collectors go on
        failed: Future[Any] = Future()
        failed.set_exception(error)
        return {"what to ask": failed}


def _write(scene: Scene, name: str, begun: Mapping[str, float], futures: Mapping[str, Future[Any]]) -> None:
    if not futures:
        return
    failed = {question: why for question, future in futures.items() if (why := _failure(future))}
    answers = {question: future.result() for question, future in futures.items() if question not in failed}
    empty = sorted(question for question, answer in answers.items() if not answer)
    file = f"{FOLDER}/{name}.json"
    ended, told = now(), {"failed": failed, "empty": empty}
    scene.recorder.write(file, as_json({"begun": begun, "ended": ended, **told, "answers": answers}))
    scene.recorder.event("collected", lo=begun["mono"], hi=ended["mono"], file=file, asked=len(futures), **told)


def _failure(future: Future[Any]) -> str:
    """Returns why there is no answer, "" when there is one."""
    if future.cancelled() or not future.done():
        return f"no answer within {WITHIN_S:g} s"
    error = future.exception()
    return f"{type(error).__name__}: {error}" if error else ""
