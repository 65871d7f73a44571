"""Runs cases: one after the other, on several processes, or on Ray; in order of finishing.

A worker that dies takes only what it was working on with it: those cases are tried once more, one
at a time, and the one that kills its worker again becomes an error result.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Literal

from agents.threads import single_threaded
from stress.case import Case
from stress.courses import Courses
from stress.invariants import Course
from stress.results import CaseResult
from stress.run_case import COURSES, crashed, run_case

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
    yield from execute_in_turn((cases,), executor)


def execute_in_turn(
    batches: Iterable[Sequence[Case]], executor: Executor = SERIAL
) -> Generator[CaseResult, None, None]:
    """Run batches one after the other, on the same workers; otherwise as ``execute``.

    The next batch is asked for when all results of the one before it have been used.
    """
    if executor.kind == "ray":
        from stress.ray_executor import on_ray

        yield from on_ray(batches, executor.workers, executor.address)
    elif executor.kind == "serial" or executor.workers <= 1:
        for cases in batches:
            yield from map(run_case, cases)
    else:
        yield from _on_processes(batches, executor.workers)


def next_chunk(waiting: deque[Case], workers: int) -> Chunk:
    """Take the next task: a few cases, fewer towards the end, so that all workers end together."""
    size = max(1, min(CHUNK_LIMIT, len(waiting) // (workers * TASKS_PER_WORKER)))
    return tuple(waiting.popleft() for _ in range(size))


Ran = tuple[list[CaseResult], dict[str, Course]]
"""Results, and the undisturbed courses that came with them."""


def run_chunk(chunk: Chunk, calm: dict[str, Course]) -> Ran:
    """Run the cases of one task, given the undisturbed courses that are known elsewhere."""
    COURSES.learn(calm)
    return [run_case(case) for case in chunk], COURSES.made_by(chunk)


def _on_processes(batches: Iterable[Sequence[Case]], workers: int) -> Iterator[CaseResult]:
    crew = _Crew(workers)
    try:
        for cases in batches:
            waiting = deque(cases)
            while waiting:
                broken: list[Chunk] = []
                yield from crew.until_broken(waiting, broken)
                suspects = deque(case for chunk in broken for case in chunk)
                while suspects:
                    yield from _one_at_a_time(suspects)
    finally:
        crew.close()


class _Crew:
    """Worker processes that stay for all batches, and what is known of undisturbed courses."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None
        self._courses = Courses()
        self._running: dict[Future[Ran], Chunk] = {}

    def until_broken(self, waiting: deque[Case], broken: list[Chunk]) -> Iterator[CaseResult]:
        """Work until all is done or a worker dies; ``broken`` receives what was lost with it."""
        if len(waiting) == 1 and self._pool is None:
            yield run_case(waiting.popleft())
        while (waiting or self._running) and not broken:
            self._fill(waiting, broken)
            done, _ = wait(self._running, return_when=FIRST_COMPLETED)
            for future in done:
                chunk = self._running.pop(future)
                if isinstance(future.exception(), BrokenProcessPool):
                    broken.append(chunk)
                else:
                    results, courses = future.result()
                    self._courses.learn(courses)
                    yield from results
        if broken:
            broken.extend(self._running.values())
            self._running.clear()
            self.close()

    def _fill(self, waiting: deque[Case], broken: list[Chunk]) -> None:
        with single_threaded():
            self._pool = self._pool or _pool(self._workers)
            while waiting and len(self._running) < self._workers * IN_FLIGHT_PER_WORKER:
                chunk = next_chunk(waiting, self._workers)
                calm = self._courses.known_to(chunk)
                try:
                    self._running[self._pool.submit(run_chunk, chunk, calm)] = chunk
                except BrokenProcessPool:
                    broken.append(chunk)
                    return

    def close(self) -> None:
        """End the workers; what has not begun is cancelled."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


def _one_at_a_time(suspects: deque[Case]) -> Iterator[CaseResult]:
    """Try cases on a single process until none is left or one has killed it."""
    pool = _pool(1)
    try:
        while suspects:
            case = suspects.popleft()
            try:
                with single_threaded():
                    future = pool.submit(run_chunk, (case,), {})
                result = future.result()[0][0]
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
    """Leave signals to the parent, end with it, and let a case that eats all memory fail alone."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for its next task for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
