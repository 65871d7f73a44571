"""What is run: peers, how they are installed, and the rows of the table."""

from __future__ import annotations

from dataclasses import dataclass

OURS = "twin"


@dataclass(frozen=True)
class Peer:
    """Another simulator, in an environment of its own."""

    name: str
    version: str
    driver: str  # file in drivers/
    installs: tuple[tuple[str, ...], ...]  # arguments of pip, one call each


@dataclass(frozen=True)
class Row:
    """One line of the table: a workload of one simulator."""

    group: str
    who: str  # a peer's name, or OURS
    workload: str  # as the driver calls it
    label: str
    nodes: int
    counted: str
    baseline: bool = False  # the row of its group that others are compared with


PEERS = (
    # Its pin, gym 0.19, does not build on Python 3.11.
    Peer(
        "OR-Gym",
        "0.5.0",
        "peer_or_gym.py",
        (
            ("--no-deps", "or-gym==0.5.0"),
            ("gym==0.26.2", "numpy<2", "scipy", "networkx", "matplotlib", "pandas"),
        ),
    ),
    Peer("gym-invmgmt", "0.2.1", "peer_gym_invmgmt.py", (("gym-invmgmt==0.2.1",),)),
    Peer("SupplyNetPy", "0.5.1", "peer_supplynetpy.py", (("SupplyNetPy==0.5.1",),)),
    Peer("stockpyl", "1.0.2", "peer_stockpyl.py", (("stockpyl==1.0.2",),)),
    Peer("deepbullwhip", "0.4.1", "peer_deepbullwhip.py", (("deepbullwhip==0.4.1",),)),
)

_CHECKED = "reset with its draws, base-stock rule, ledger, conservation checks"
_STEPS = "reset and env.step with fixed orders, draws, costs, observations"
_SIMPY = "a run of a network that was built before: draws, rule, statistics"
_PERIODS = "initialise and simulate: draws, rule, costs"
_GIVEN = "demand given; order-up-to rule, costs, service"

ROWS = (
    Row("serial, 4 nodes", OURS, "serial-4", "twin, event engine", 4, _CHECKED, True),
    Row("serial, 4 nodes", OURS, "serial-4 bare", "bare SimPy chain", 4, "no ledger, no money"),
    Row("serial, 4 nodes", "OR-Gym", "serial-4", "OR-Gym", 4, _STEPS),
    Row("serial, 4 nodes", "gym-invmgmt", "serial-4", "gym-invmgmt", 4, _STEPS),
    Row("serial, 4 nodes", "SupplyNetPy", "serial-4", "SupplyNetPy", 4, _SIMPY),
    Row("serial, 4 nodes", "stockpyl", "serial-4", "stockpyl", 4, _PERIODS),
    Row("serial, 20 nodes", OURS, "serial-20", "twin, event engine", 20, _CHECKED, True),
    Row("serial, 20 nodes", "OR-Gym", "serial-20", "OR-Gym", 20, _STEPS),
    Row("serial, 20 nodes", "gym-invmgmt", "serial-20", "gym-invmgmt", 20, _STEPS),
    Row("serial, 20 nodes", "SupplyNetPy", "serial-20", "SupplyNetPy", 20, _SIMPY),
    Row("serial, 20 nodes", "stockpyl", "serial-20", "stockpyl", 20, _PERIODS),
    Row(
        "OR-Gym's network, 9 nodes",
        OURS,
        "network-9",
        "twin, ParallelEnv.step",
        9,
        "reset with its draws, env.step of 6 agents, rewards, observations",
        True,
    ),
    Row("OR-Gym's network, 9 nodes", OURS, "network-9 rule", "twin, event engine", 9, _CHECKED),
    Row("OR-Gym's network, 9 nodes", "gym-invmgmt", "network-9", "gym-invmgmt", 9, _STEPS),
    Row("OR-Gym's network, 9 nodes", "OR-Gym", "network-9", "OR-Gym", 9, _STEPS),
    Row("tree, 50 nodes", OURS, "tree-50", "twin, event engine", 50, _CHECKED, True),
    Row("tree, 50 nodes", "gym-invmgmt", "tree-50", "gym-invmgmt", 50, _STEPS),
    Row("tree, 50 nodes", "SupplyNetPy", "tree-50", "SupplyNetPy", 50, _SIMPY),
    Row("tree, 50 nodes", "stockpyl", "tree-50", "stockpyl", 50, _PERIODS),
    Row("4 stages x 1,000 runs", "deepbullwhip", "batch-4", "deepbullwhip", 4, _GIVEN, True),
    Row("4 stages x 1,000 runs", OURS, "batch-4", "twin, batch, numpy", 4, _GIVEN),
    Row("4 stages x 1,000 runs", OURS, "batch-4 torch", "twin, batch, torch", 4, _GIVEN),
    Row(
        "4 stages x 1,000 runs",
        OURS,
        "batch-4 torch float32",
        "twin, batch, torch, float32",
        4,
        _GIVEN,
    ),
)
