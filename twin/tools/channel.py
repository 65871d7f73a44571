"""The channel: carries request and answer bytes in simulated time; faults are layers on it.

    request   agent -> link up   (bandwidth, first come first served) -> latency -> server
    answer    server -> link down                                     -> latency -> agent

Each direction is one link that all agents share: a message starts when the link is free and takes
size / rate. Latencies are drawn per agent from the stream ``channel/<agent>``, so that one agent's
retries never change another's luck.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from twin.engine.clock import ARRIVAL, Clock
from twin.exogenous.moments import lognormal_sigma
from twin.exogenous.streams import stream
from twin.network.world import World
from twin.tools.quota import SECONDS_PER_D

Direction = Literal["request", "answer"]
DRAWS = 256
"""Latencies drawn at a time."""
IN_FLIGHT_PER_AGENT = 32
"""Messages of one agent that may be under way on average; a full channel drops new ones."""
MAX_COPIES = 4
"""Copies of one message that layers may add in all."""


class Transit(NamedTuple):
    """One message on its way; times are absolute days."""

    direction: Direction
    tool: str
    agent: str
    call: str
    attempt: int  # from 1
    size: int  # bytes
    sent_at: float


def _answering(request: Transit, size: int, now_d: float) -> Transit:
    """The transit of an answer to a request."""
    return Transit(
        "answer", request.tool, request.agent, request.call, request.attempt, size, now_d
    )


class Layer:
    """A fault on the channel; the base changes nothing. Subclasses count in ``fired``."""

    name = "identity"
    fired = 0

    def start(self, seed: int, world: World) -> None:
        """Begin an episode: draw the named stream, reset the counters."""
        self.fired = 0

    def delay(self, transit: Transit, delay_d: float) -> float:
        """Latency of one message in days; infinity loses it."""
        return delay_d

    def rate(self, now_d: float, bytes_s: float) -> float:
        """Bandwidth at a moment; nothing passes at zero, and messages are lost."""
        return bytes_s

    def request(self, transit: Transit, body: bytes) -> bytes | None:
        """A request as the server gets it, or None to drop it at its door."""
        return body

    def answer(self, transit: Transit, body: bytes) -> bytes | None:
        """The answer as it will arrive, or None to drop it."""
        return body

    def copies(self, transit: Transit) -> Sequence[float]:
        """Further delays, in days after the message itself, at which copies of it arrive."""
        return ()


@dataclass
class Link:
    """One direction, shared by all agents: first come, first served."""

    busy_until: float = 0.0

    def departure(self, now_d: float, size: int, bytes_s: float) -> float:
        """When the last byte of a message that is sent now has left, in days."""
        start = now_d if now_d > self.busy_until else self.busy_until
        self.busy_until = start + size / bytes_s / SECONDS_PER_D
        return self.busy_until


class Latency:
    """One agent's latencies, in the order of its messages."""

    def __init__(self, world: World, seed: int, agent: str) -> None:
        spec = world.model.tools.latency
        self._mean, self._sigma = math.log(spec.median), lognormal_sigma(spec)
        self._rng: np.random.Generator = stream(seed, f"channel/{agent}")
        self._drawn: list[float] = []

    def draw(self) -> float:
        """The next latency in days."""
        if not self._drawn:
            self._drawn = self._rng.lognormal(self._mean, self._sigma, DRAWS).tolist()[::-1]
        return self._drawn.pop()


Serve = Callable[[float, bytes], bytes | None]
"""Answers a request that arrives at a time (days); None when no answer will ever come."""
Deliver = Callable[[Transit, bytes], None]
_Message = tuple[Transit, bytes, Deliver]


class Channel:
    """Carries messages between the agents and one server."""

    def __init__(
        self,
        clock: Clock,
        world: World,
        seed: int,
        agents: Sequence[str],
        serve: Serve,
        layers: Sequence[Layer] = (),
    ) -> None:
        self.in_flight = 0
        self.peak = 0
        self.lost = 0
        self.bound = IN_FLIGHT_PER_AGENT * max(len(agents), 1)
        self._clock = clock
        self._serve = serve
        self._layers = tuple(layers)
        self._rate = world.model.tools.bandwidth
        self._up, self._down = Link(), Link()
        self._latency = {agent: Latency(world, seed, agent) for agent in agents}

    def send(self, transit: Transit, body: bytes, deliver: Deliver) -> None:
        """Send a request; ``deliver`` is called with each answer that comes back."""
        self._carry(self._up, (transit, body, deliver), self._at_server)

    def _at_server(self, message: _Message) -> None:
        self.in_flight -= 1
        request, sent, deliver = message
        now = self._clock.now
        asked: bytes | None = sent
        for layer in self._layers:
            asked = None if asked is None else layer.request(request, asked)
        if asked is None:
            self.lost += 1
            return
        body = self._serve(now, asked)
        if body is None:
            self.lost += 1
            return
        transit = _answering(request, len(body), now)
        answer: bytes | None = body
        for layer in self._layers:
            answer = None if answer is None else layer.answer(transit, answer)
        if answer is None:
            self.lost += 1
            return
        if len(answer) != transit.size:
            transit = _answering(request, len(answer), now)
        self._carry(self._down, (transit, answer, deliver), self._at_agent)

    def _at_agent(self, message: _Message) -> None:
        self.in_flight -= 1
        transit, body, deliver = message
        deliver(transit, body)

    def _carry(self, link: Link, message: _Message, arrive: Callable[[_Message], None]) -> None:
        """Put a message on a link; every arrival is one event of the clock."""
        transit = message[0]
        now = self._clock.now
        rate, delay = self._rate, self._latency[transit.agent].draw()
        for layer in self._layers:
            rate = layer.rate(now, rate)
            delay = layer.delay(transit, delay)
        if not rate > 0 or delay == math.inf:
            self.lost += 1
            return
        arrival = link.departure(now, transit.size, rate) + (delay if delay > 0.0 else 0.0)
        self._arrive_at(arrival, arrive, message)
        if self._layers:
            extra = [after for layer in self._layers for after in layer.copies(transit)]
            for after in extra[:MAX_COPIES]:
                self._arrive_at(arrival + max(0.0, after), arrive, message)

    def _arrive_at(
        self, time: float, arrive: Callable[[_Message], None], message: _Message
    ) -> None:
        if self.in_flight >= self.bound:
            self.lost += 1
            return
        self.in_flight += 1
        if self.in_flight > self.peak:
            self.peak = self.in_flight
        self._clock.at(time, ARRIVAL, arrive, message)
