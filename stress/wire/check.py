"""One episode over a wire to this very process, beside the same one in simulated time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agents.gateway import run_through_tools
from agents.gateway.gateway import Gateway
from agents.gateway.http_calls import Address
from agents.gateway.incident import Incident
from agents.gateway.remote import Wire, run_over_http
from stress.wire.proxy import ToxicProxy
from stress.wire.translate import WireFaults
from twin.env.policy import RulePolicy
from twin.env.rules import default_rule
from twin.network.world import World
from twin.serve import Runs, ToolHTTPServer, ToolRun
from twin.tools.quota import SECONDS_PER_D

PATIENCE_S = 30.0
"""Wall time after which an exchange over a sound wire is given up: a busy machine is no fault."""
WITH_TOXICS_S = 1.0
"""The same with trouble at the socket, at most; the gateway's own timeout, if that is shorter."""


@dataclass(frozen=True)
class WireCheck:
    """What both episodes came to."""

    passed: bool
    """No law broken and, without trouble at the socket, the same digest, labels and account."""
    digest: str
    simulated_digest: str
    labels: dict[str, int]
    simulated_labels: dict[str, int]
    violations: tuple[str, ...]
    exchanges: int
    broken: int
    given_up: int


class _Progress(Incident):
    """Says how far an episode is; nothing befalls anybody."""

    name = "progress"

    def __init__(self, done: Callable[[float], None]) -> None:
        self._done = done
        self._periods = 1

    def start(self, seed: int, world: World, gateway: Gateway) -> None:
        self._periods = world.periods

    def epoch(self, t: int, gateway: Gateway) -> None:
        self._done((t + 1) / self._periods)


def check_wire(
    world: World, faults: WireFaults, seed: int, done: Callable[[float], None]
) -> WireCheck:
    """Run the static policy through the tools, over a wire and in simulated time.

    Faults of answers and of the world strike both; toxics only the wire.
    """
    path, rule = faults.path(world, seed), default_rule(world)
    policy = RulePolicy(world, rule)
    simulated = run_through_tools(world, path, policy, rule, seed, faults.layers())
    runs = Runs(lambda s: ToolRun(world, faults.path(world, s), rule, faults.layers()), seed)
    timeout_s = world.model.tools.timeout * SECONDS_PER_D
    patience_s = min(timeout_s, WITH_TOXICS_S) if faults.toxics else PATIENCE_S
    with (
        ToolHTTPServer(runs) as server,
        ToxicProxy(server.address, faults.toxics, seed) as proxy,
    ):
        wire = Wire(Address(*server.address), Address(*proxy.address), patience_s)
        progress = (_Progress(done),)
        over = run_over_http(world, path, policy, rule, seed, wire, incidents=progress)
    real = over.outcome
    same = real.ledger.digest == simulated.ledger.digest and real.labels == simulated.labels
    same = same and real.account == simulated.account
    return WireCheck(
        passed=not real.violations and (same or bool(faults.toxics)),
        digest=real.ledger.digest,
        simulated_digest=simulated.ledger.digest,
        labels=real.labels,
        simulated_labels=simulated.labels,
        violations=real.violations,
        exchanges=over.exchanges,
        broken=over.broken,
        given_up=over.given_up,
    )
