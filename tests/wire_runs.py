"""Short episodes over HTTP and the same ones in simulated time."""

from agents.gateway import run_through_tools
from agents.gateway.remote import run_over_http
from twin.env.policy import RulePolicy
from twin.env.rules import default_rule
from twin.exogenous.path import draw_path
from twin.network.world import compile_world
from twin.scenario import load
from twin.serve import Runs, ToolRun

QUICKSTART = "scenarios/quickstart.yaml"
SHORT = "horizon=6 d"
LOCKS = "tools.provider.lock_after=2"


def compiled(*overrides):
    return compile_world(load(QUICKSTART, overrides).model)


def runs_of(world, seed=3, window_s=None):
    rule = default_rule(world)
    return Runs(lambda s: ToolRun(world, draw_path(world, s), rule), seed, window_s)


def simulated(world, seed=3, **options):
    rule = default_rule(world)
    policy = RulePolicy(world, rule)
    return run_through_tools(world, draw_path(world, seed), policy, rule, seed, **options)


def over_http(world, wire, seed=3, **options):
    rule = default_rule(world)
    policy = RulePolicy(world, rule)
    return run_over_http(world, draw_path(world, seed), policy, rule, seed, wire, **options)


def same(wire, simulation):
    return (
        wire.ledger.digest == simulation.ledger.digest
        and wire.labels == simulation.labels
        and wire.account == simulation.account
        and wire.approvals == simulation.approvals
        and wire.violations == simulation.violations == ()
        and wire.late == simulation.late
        and wire.locks == simulation.locks
        and wire.fallbacks == simulation.fallbacks
    )
