"""Runs cases: one after the other, on several processes, or on Ray; in order of finishing.

A worker that dies takes only what it was working on with it: those cases are tried once more, one
at a time, and the one that kills its worker again becomes an error result.
"""

from __future__ import annotations

import multiprocessing
import resource
import signal
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Literal

from agents.threads import single_threaded
from stress.case import Case
from stress.results import CaseResult
from stress.run_case import crashed, run_case

CHUNK_LIMIT = 4
"""Most cases in one task: enough to hide the cost of sending it, little enough to wait for."""
TASKS_PER_WORKER = 8
IN_FLIGHT_PER_WORKER = 2

MEMORY_BYTES = 8 * 2**30
"""Private memory of a worker process; a case that needs more fails and becomes a result."""

Chunk = tuple[Case, ...]
Kind = Literal["serial", "processes", "ray"]


@dataclass(frozen=True)
class Executor:
    """Where cases are run; results are the same everywhere."""

    kind: Kind = "processes"
    workers: int = 1
    address: str = ""
    """Of a running Ray cluster; empty for one on this machine."""


SERIAL = Executor("serial")


def execute(
    cases: Sequence[Case], executor: Executor = SERIAL
) -> Generator[CaseResult, None, None]:
    """Run all cases; closing the iterator, as Ctrl-C does, cancels what has not begun.

    Raises UsageError where Ray is asked for and is not installed.
    """
    if executor.kind == "ray":
        from stress.ray_executor import on_ray

        yield from on_ray(chunks(cases, executor.workers), executor.workers, executor.address)
    elif executor.kind == "serial" or executor.workers <= 1 or len(cases) < 2:
        yield from map(run_case, cases)
    else:
        yield from _on_processes(chunks(cases, executor.workers), executor.workers)


def chunks(cases: Sequence[Case], workers: int) -> deque[Chunk]:
    """Cases in tasks of a few."""
    size = max(1, min(CHUNK_LIMIT, len(cases) // (workers * TASKS_PER_WORKER)))
    return deque(tuple(cases[i : i + size]) for i in range(0, len(cases), size))


def run_chunk(chunk: Chunk) -> list[CaseResult]:
    """Run the cases of one task."""
    return [run_case(case) for case in chunk]


def _on_processes(waiting: deque[Chunk], workers: int) -> Iterator[CaseResult]:
    while waiting:
        broken: list[Chunk] = []
        yield from _until_broken(waiting, workers, broken)
        suspects = deque(case for chunk in broken for case in chunk)
        while suspects:
            yield from _one_at_a_time(suspects)


def _until_broken(waiting: deque[Chunk], workers: int, broken: list[Chunk]) -> Iterator[CaseResult]:
    """Work until all is done or a worker dies; ``broken`` receives what was lost with it."""
    pool = _pool(workers)
    running: dict[Future[list[CaseResult]], Chunk] = {}
    try:
        while (waiting or running) and not broken:
            _fill(pool, waiting, running, workers * IN_FLIGHT_PER_WORKER, broken)
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                chunk = running.pop(future)
                if isinstance(future.exception(), BrokenProcessPool):
                    broken.append(chunk)
                else:
                    yield from future.result()
        broken.extend(running.values())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _fill(
    pool: ProcessPoolExecutor,
    waiting: deque[Chunk],
    running: dict[Future[list[CaseResult]], Chunk],
    limit: int,
    broken: list[Chunk],
) -> None:
    with single_threaded():
        while waiting and len(running) < limit:
            chunk = waiting.popleft()
            try:
                running[pool.submit(run_chunk, chunk)] = chunk
            except BrokenProcessPool:
                broken.append(chunk)
                return


def _one_at_a_time(suspects: deque[Case]) -> Iterator[CaseResult]:
    """Try cases on a single process until none is left or one has killed it."""
    pool = _pool(1)
    try:
        while suspects:
            case = suspects.popleft()
            try:
                with single_threaded():
                    future = pool.submit(run_chunk, (case,))
                result = future.result()[0]
            except BrokenProcessPool:
                yield crashed(case, "the worker process died, twice")
                return
            yield result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _pool(workers: int) -> ProcessPoolExecutor:
    # Threads of the parent (of numpy, of a progress bar) make forking unsafe.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker)


def _begin_worker() -> None:
    """Leave signals to the parent, and let a case that eats all memory fail by itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
