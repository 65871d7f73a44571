"""Runs cases on Ray: on this machine, or on the cluster at an address.

A worker that dies takes only what it was working on with it; those cases are tried once more, one
at a time, and the one that kills its worker again becomes an error result, as on processes.
"""

from __future__ import annotations

import importlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from agents.threads import THREAD_VARIABLES, single_threaded
from stress.case import Case
from stress.courses import Courses
from stress.executor import IN_FLIGHT_PER_WORKER, Chunk, Ran, next_chunk, run_chunk
from stress.results import CaseResult
from stress.run_case import crashed
from twin.errors import UsageError


def on_ray(
    batches: Iterable[Sequence[Case]], workers: int, address: str = ""
) -> Iterator[CaseResult]:
    """Run all batches; raises UsageError when Ray is not installed or cannot be reached."""
    with _session(workers, address) as ray:
        courses = Courses()
        for cases in batches:
            yield from _on_session(ray, deque(cases), workers, courses)


def _on_session(
    ray: Any, waiting: deque[Case], workers: int, courses: Courses
) -> Iterator[CaseResult]:
    # Ray does not try again by itself: which case killed a worker is for us to find out.
    remote = ray.remote(max_retries=0)(run_chunk)
    suspects: deque[Case] = deque()
    running: dict[Any, Chunk] = {}
    while waiting or running:
        while waiting and len(running) < workers * IN_FLIGHT_PER_WORKER:
            chunk = next_chunk(waiting, workers)
            running[remote.remote(chunk, courses.known_to(chunk))] = chunk
        (done, *_), _ = ray.wait(list(running), num_returns=1)
        chunk = running.pop(done)
        ran = _fetched(ray, done)
        if ran is None:
            suspects.extend(chunk)
        else:
            courses.learn(ran[1])
            yield from ran[0]
    for case in suspects:
        ran = _fetched(ray, remote.remote((case,), {}))
        yield from ran[0] if ran else [crashed(case, "the worker process died, twice")]


def _fetched(ray: Any, reference: Any) -> Ran | None:
    """What a task found; None when its worker died."""
    try:
        ran: Ran = ray.get(reference)
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError):
        return None
    except ray.exceptions.RaySystemError:
        return None
    return ran


@contextmanager
def _session(workers: int, address: str) -> Iterator[Any]:
    """A connection to Ray that ends with the block; one that was there before stays."""
    try:
        ray = importlib.import_module("ray")
    except ImportError:
        raise UsageError(
            "Ray is not installed", "--executor ray", fix="pip install 'logistics-twin[ray]'"
        ) from None
    mine = not ray.is_initialized()
    if mine:
        _connect(ray, workers, address)
    try:
        yield ray
    finally:
        if mine:
            ray.shutdown()


def _connect(ray: Any, workers: int, address: str) -> None:
    threads = {"env_vars": dict.fromkeys(THREAD_VARIABLES, "1")}
    place = {"address": address} if address else {"num_cpus": workers, "include_dashboard": False}
    try:
        with single_threaded():
            ray.init(runtime_env=threads, logging_level="error", log_to_driver=False, **place)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UsageError("cannot reach Ray", address or "this machine", str(error)) from None
