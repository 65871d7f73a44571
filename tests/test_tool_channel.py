"""Laws of the channel between agents and tools: shared links, latency, layers, what is lost."""

import math

import numpy as np
import pytest

from twin.engine.clock import Clock
from twin.network.world import compile_world
from twin.scenario import load
from twin.tools.channel import Channel, Latency, Layer, Transit

SECOND = 1 / 86_400


@pytest.fixture(scope="module")
def world():
    return compile_world(load("scenarios/quickstart.yaml").model)


class Echo:
    """A server that answers every request with a fixed body and notes when."""

    def __init__(self, body=b"x" * 500):
        self.body = body
        self.served = []

    def __call__(self, now, body):
        self.served.append(now)
        return self.body


def slow_world(world, **changes):
    tools = {"bandwidth": 1000.0, "latency": "2 s", **changes}
    fields = {**world.model.tools.model_dump(), **tools}
    model = world.model.model_copy(update={"tools": type(world.model.tools).model_validate(fields)})
    return compile_world(model)


def transit(agent, size, sent_at=0.0, call="c"):
    return Transit("request", "demand.read", agent, call, 1, size, sent_at)


def run(world, sends, echo, layers=(), agents=("a", "b")):
    """Arrival times (s) of the answers to (agent, size) sent at time zero."""
    clock, arrived = Clock(), []
    channel = Channel(clock, world, 0, agents, echo, layers)
    for agent, size in sends:
        channel.send(
            transit(agent, size), b"q" * size, lambda t, b: arrived.append(clock.now / SECOND)
        )
    clock.run()
    return arrived, channel


def test_a_link_is_shared_first_come_first_served(world):
    echo = Echo()
    arrived, _ = run(slow_world(world), [("a", 1000), ("b", 500)], echo)
    assert [now / SECOND for now in echo.served] == pytest.approx([1 + 2, 1.5 + 2])
    assert arrived == pytest.approx([3 + 0.5 + 2, 3.5 + 0.5 + 2])


def test_every_direction_has_its_own_bandwidth(world):
    arrived, _ = run(slow_world(world, bandwidth=1e9), [("a", 1000)], Echo())
    assert arrived == pytest.approx([4.0], abs=1e-3)


def test_latency_follows_the_scenario_and_belongs_to_the_agent(world):
    draws = Latency(world, 3, "a")
    sample = np.array([draws.draw() for _ in range(4000)])
    spec = world.model.tools.latency
    assert np.median(sample) == pytest.approx(spec.median, rel=0.06)
    assert np.quantile(sample, 0.95) == pytest.approx(spec.p95, rel=0.1)
    assert Latency(world, 3, "a").draw() == sample[0]
    assert Latency(world, 3, "b").draw() != sample[0]
    assert Latency(world, 4, "a").draw() != sample[0]


def test_the_base_layer_changes_nothing(world):
    sends = [("a", 1000), ("b", 500), ("a", 200)]
    clean, _ = run(world, sends, Echo())
    layered, channel = run(world, sends, Echo(), [Layer(), Layer()])
    assert layered == clean
    assert (channel.in_flight, channel.lost) == (0, 0)


def test_layers_apply_in_order(world):
    class Half(Layer):
        def rate(self, now_d, bytes_s):
            return bytes_s / 2

    class Add(Layer):
        def delay(self, transit, delay_d):
            return delay_d + 1 * SECOND

    class Double(Layer):
        def delay(self, transit, delay_d):
            return delay_d * 2

        def answer(self, transit, body):
            return body * 2

    echo = Echo(b"x" * 100)
    arrived, _ = run(slow_world(world), [("a", 100)], echo, [Half(), Add(), Double()])
    assert echo.served[0] / SECOND == pytest.approx(0.2 + (2 + 1) * 2)
    assert arrived == pytest.approx([6.2 + 0.4 + 6])


@pytest.mark.parametrize(
    "broken",
    [
        {"delay": lambda self, transit, delay_d: math.inf},
        {"rate": lambda self, now_d, bytes_s: 0.0},
        {"answer": lambda self, transit, body: None},
    ],
    ids=["endless delay", "no bandwidth", "dropped answer"],
)
def test_a_lost_message_never_arrives_and_is_counted(world, broken):
    layer = type("Broken", (Layer,), broken)()
    arrived, channel = run(world, [("a", 100)], Echo(), [layer])
    assert (arrived, channel.lost, channel.in_flight) == ([], 1, 0)


def test_copies_arrive_and_are_bounded(world):
    class Copies(Layer):
        def copies(self, transit):
            return [SECOND] * 50 if transit.direction == "answer" else ()

    arrived, _ = run(world, [("a", 100)], Echo(), [Copies()])
    assert len(arrived) == 1 + 4


def test_the_number_of_messages_in_flight_is_bounded(world):
    arrived, channel = run(world, [("a", 10)] * 1000, Echo())
    assert channel.peak == channel.bound
    assert len(arrived) == channel.bound
    assert channel.lost == 1000 - channel.bound
