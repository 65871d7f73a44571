"""From the faults of a stress suite to where they act on a wire.

    channel.*           a toxic at the socket
    tool.*, obs.*       a layer on the answers of the server
    world.*             the sample path of the run

Faults of those who decide and of people stay with the gateway, and those of a whole network of
connections (partitions, clogs, skew, loss, copies, another order) have no place on single ones:
they are named, and refused. Durations of the simulated channel become wall time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stress.case import Strike
from stress.catalogue import WorldFault, build_fault
from stress.catalogue.base import ChannelFault, Fault
from stress.catalogue.channel_bandwidth import Bandwidth
from stress.catalogue.channel_corrupt import Corrupt
from stress.catalogue.channel_latency import LatencySpikes
from stress.catalogue.channel_limit_data import LimitData
from stress.catalogue.channel_reset_peer import ResetPeer
from stress.catalogue.channel_slicer import PAUSE, Slicer
from stress.catalogue.channel_slow_close import DELAY, SlowClose
from stress.catalogue.channel_timeout import Timeout
from stress.catalogue.layers import FaultLayer
from stress.catalogue.need import needed_bytes_s
from stress.catalogue.streams import Toxic as Streamed
from stress.wire import toxics
from twin.errors import UsageError
from twin.exogenous.path import SamplePath, draw_path
from twin.network.world import World
from twin.tools.quota import SECONDS_PER_D

_ON_ANSWERS = ("tool.", "obs.")


@dataclass(frozen=True)
class WireFaults:
    """The faults of one run, by the place where they act."""

    toxics: tuple[toxics.Toxic, ...] = ()
    at_server: tuple[Strike, ...] = ()
    """On answers."""
    of_world: tuple[Strike, ...] = ()
    """On the sample path."""

    def path(self, world: World, seed: int) -> SamplePath:
        """The sample path of a seed, with the faults of the world in it."""
        path = draw_path(world, seed)
        for strike in self.of_world:
            fault = build_fault(strike.family, dict(strike.parameters))
            if isinstance(fault, WorldFault):
                path = fault.transform(world, path, strike.severity, seed, strike.window)
        return path

    def layers(self) -> list[FaultLayer]:
        """Fresh layers for the server of one run."""
        built = [
            (strike, build_fault(strike.family, dict(strike.parameters)))
            for strike in self.at_server
        ]
        return [
            fault.layer(strike.severity, strike.window)
            for strike, fault in built
            if isinstance(fault, ChannelFault)
        ]


def on_the_wire(strikes: Sequence[Strike], world: World) -> WireFaults:
    """Where the faults of a case act; raises UsageError for one that no wire can carry."""
    at_socket: list[toxics.Toxic] = []
    at_server: list[Strike] = []
    of_world: list[Strike] = []
    for strike in strikes:
        fault = build_fault(strike.family, dict(strike.parameters))
        if isinstance(fault, WorldFault):
            of_world.append(strike)
        elif strike.family.startswith(_ON_ANSWERS):
            at_server.append(strike)
        else:
            at_socket += _toxics(fault, strike.severity, world)
    return WireFaults(tuple(at_socket), tuple(at_server), tuple(of_world))


def _toxics(fault: Fault, severity: int, world: World) -> list[toxics.Toxic]:
    """The toxics of a fault, one for each direction; none at severity 0."""
    streams: tuple[toxics.Stream, ...] = ("downstream",)
    if isinstance(fault, Streamed) and fault.stream != "downstream":
        streams = ("upstream", "downstream") if fault.stream == "both" else ("upstream",)
    found = [_toxic(fault, severity, world, direction) for direction in streams]
    return found if severity else []


def _toxic(fault: Fault, severity: int, world: World, direction: toxics.Stream) -> toxics.Toxic:
    value = fault.at(severity)
    timeout_s = world.model.tools.timeout * SECONDS_PER_D
    match fault:
        case LatencySpikes():
            mean_s = value * world.model.tools.deadline * SECONDS_PER_D
            return toxics.Latency(fault.probability, direction, mean_s, fault.jitter * mean_s)
        case Bandwidth():
            of_need = fault.of == "need"
            whole = needed_bytes_s(world) if of_need else world.model.tools.bandwidth
            return toxics.Bandwidth(1.0, direction, value * whole)
        case Slicer():
            pause_s = fault.delay * SECONDS_PER_D or PAUSE * timeout_s
            sizes = (fault.average_size, fault.size_variation)
            return toxics.Slicer(value, direction, *sizes, pause_s)
        case SlowClose():
            delay_s = fault.delay * SECONDS_PER_D or DELAY * timeout_s
            return toxics.SlowClose(value, direction, delay_s)
        case Timeout():
            return toxics.Timeout(value, direction, fault.timeout * SECONDS_PER_D)
        case ResetPeer():
            return toxics.ResetPeer(value, direction, fault.timeout * SECONDS_PER_D)
        case LimitData():
            return toxics.LimitData(value, direction, fault.bytes)
        case Corrupt():
            return toxics.Corrupt(value, direction, fault.bits)
    raise UsageError(
        "no wire can carry this fault",
        "--faults",
        fault.family,
        "channel.*, tool.*, obs.*, world.*",
    )
