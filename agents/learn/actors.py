"""Actor processes: each plays its share of the networks on event engines and sends what it saw.

A process that plays knows nothing but what it is told: the weights, the update, the horizon. So
what it sends is the same whoever plays it, and a dead one costs no more than the update it fell
into. It ends with the process that started it, however that one ends.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from agents.learn.batch import Weights
from agents.learn.config import TrainConfig
from agents.learn.decided import Decision, whole_decisions
from agents.learn.disturbance import Disturbance
from agents.learn.event_batch import EventBatch
from agents.learn.horizon import Horizon
from agents.learn.joined import joined_decisions, joined_segments
from agents.learn.memory import Memory
from agents.learn.ranks import ALONE, Share
from agents.learn.rollout import Sampler, Segment
from agents.learn.setup import Setup
from agents.threads import single_threaded
from twin.engine.batch_path import BatchPath, stack_paths
from twin.errors import TrainingError, TwinError
from twin.exogenous.path import draw_path
from twin.network.world import World


def make_sampler(
    setup: Setup, config: TrainConfig, disturbance: Disturbance | None = None
) -> Sampler:
    """What plays the networks of a configuration, hardened ones on the batch engine alone."""
    if config.engine == "batch":
        return Sampler(setup, config, disturbance)
    return EventSampler(setup, config) if config.actors == 1 else ActorPool(setup, config)


class EventSampler(Sampler):
    """Yields what networks on event engines went through, in double precision.

    The static policy stays on the batch engine, which is many times as fast.
    """

    static_beside = False

    def _paths(self, world: World, seeds: range) -> BatchPath:
        self._drawn = [draw_path(world, seed) for seed in seeds[self.setup.share.columns]]
        return stack_paths(world, self._drawn)

    def _engine(self, world: World, path: BatchPath, copies: int = 1) -> Any:
        return EventBatch(world, self._drawn * copies, path)


class ActorPool(Sampler):
    """Yields the same, played by several processes."""

    def __init__(self, setup: Setup, config: TrainConfig) -> None:
        self.setup, self.config = setup, config
        self.count = setup.share.count(config.replications)
        processes = min(config.actors, self.count)
        self.shares = [Share(i, processes) for i in range(processes)]
        self.number, self.hardening = 0, None
        parts = [setup.share.part(i, processes) for i in range(processes)]
        with single_threaded():
            self._actors = [
                _started(replace(setup, ranks=ALONE, share=part), config) for part in parts
            ]

    def start_horizon(
        self,
        number: int,
        decisions: Sequence[Decision] = (),
        counterfactual: Sequence[Decision] = (),
    ) -> None:
        """Go to a horizon and replay what was decided in it, and in its twins, so far."""
        self._ask("start_horizon", number, list(decisions), list(counterfactual))

    def collect(
        self, weights: Weights, update: int, watch: Callable[[Horizon], None] | None = None
    ) -> Segment:
        """Run one segment; nobody can watch networks that other processes play."""
        return joined_segments(self._ask("collect", weights, update), self.shares, self.count)

    def decided(self) -> tuple[Sequence[Decision], Sequence[Decision]]:
        """What was decided in the horizon so far, and in its twins, for all networks."""
        played, twins = zip(*self._ask("decided"), strict=True)
        agents, ranks = self.setup.agents, self.setup.ranks
        own = joined_decisions(played, self.shares, self.count)
        without = joined_decisions(twins, self.shares, self.count, agents)
        total = self.config.replications
        return (
            whole_decisions(own, ranks, total),
            whole_decisions(without, ranks, total, agents),
        )

    def memories(self) -> list[tuple[str, Memory, int]]:
        """Nothing: what event engines play does not remember."""
        return []

    def close(self) -> None:
        """End the processes; they hold nothing that is not in a checkpoint."""
        for process, connection in self._actors:
            connection.close()
            process.kill()
            process.join()

    def _ask(self, method: str, *arguments: Any) -> list[Any]:
        """Let all actors do the same; what each of them found."""
        for index, (_, connection) in enumerate(self._actors):
            with _noticing_death(index):
                connection.send((method, arguments))
        answers = []
        for index, (_, connection) in enumerate(self._actors):
            with _noticing_death(index):
                answers.append(connection.recv())
        for answer in answers:
            if isinstance(answer, TwinError):
                raise answer
        self.number = answers[0].number
        return [answer.found for answer in answers]


@dataclass(frozen=True)
class Answer:
    """What an actor found, and the horizon that it is in now."""

    found: Any
    number: int


@contextmanager
def _noticing_death(index: int) -> Iterator[None]:
    """Raise TrainingError where an actor process is no longer there."""
    try:
        yield
    except (EOFError, OSError):
        raise TrainingError(
            "an actor process has died",
            f"actor {index}",
            fix="Its own message, if any, says why; resume the run.",
        ) from None


def _started(setup: Setup, config: TrainConfig) -> tuple[BaseProcess, Connection]:
    # Threads of the parent (of numpy, of a progress bar) make forking unsafe.
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_play, args=(there, setup, config), daemon=True)
    process.start()
    there.close()
    return process, here


def _play(connection: Connection, setup: Setup, config: TrainConfig) -> None:
    """Do what is asked until nobody is left to ask."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sampler = EventSampler(setup, config)
    while True:
        try:
            method, arguments = connection.recv()
            connection.send(_answer(sampler, method, arguments))
        except (EOFError, BrokenPipeError):
            return


def _answer(sampler: Sampler, method: str, arguments: tuple[Any, ...]) -> Answer | TwinError:
    try:
        return Answer(getattr(sampler, method)(*arguments), sampler.number)
    except TwinError as error:
        return error


def _end_with_parent() -> None:
    """Leave at once when the parent has gone, even in the middle of a segment."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
