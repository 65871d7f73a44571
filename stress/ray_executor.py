"""Runs cases on Ray: on this machine, or on the cluster at an address.

A worker that dies takes only what it was working on with it; those cases are tried once more, one
at a time, and the one that kills its worker again becomes an error result, as on processes.
"""

from __future__ import annotations

import importlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from agents.threads import THREAD_VARIABLES, single_threaded
from stress.case import Case
from stress.executor import Chunk, run_chunk
from stress.results import CaseResult
from stress.run_case import crashed
from twin.errors import UsageError

IN_FLIGHT_PER_WORKER = 2


def on_ray(waiting: deque[Chunk], workers: int, address: str = "") -> Iterator[CaseResult]:
    """Run all tasks; raises UsageError when Ray is not installed or cannot be reached."""
    with _session(workers, address) as ray:
        # Ray does not try again by itself: which case killed a worker is for us to find out.
        remote = ray.remote(max_retries=0)(run_chunk)
        suspects: deque[Case] = deque()
        running: dict[Any, Chunk] = {}
        while waiting or running:
            while waiting and len(running) < workers * IN_FLIGHT_PER_WORKER:
                chunk = waiting.popleft()
                running[remote.remote(chunk)] = chunk
            (done, *_), _ = ray.wait(list(running), num_returns=1)
            chunk = running.pop(done)
            results = _fetched(ray, done)
            if results is None:
                suspects.extend(chunk)
            else:
                yield from results
        for case in suspects:
            results = _fetched(ray, remote.remote((case,)))
            yield from results or [crashed(case, "the worker process died, twice")]


def _fetched(ray: Any, reference: Any) -> list[CaseResult] | None:
    """The results of a task; None when its worker died."""
    try:
        results: list[CaseResult] = ray.get(reference)
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError):
        return None
    except ray.exceptions.RaySystemError:
        return None
    return results


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
