"""The problems of the comparison and how each learner is set for them."""

from __future__ import annotations

from tests.benchmarks.learning.problems import (
    BOTH,
    CENTRAL,
    MAPPO,
    PATHWISE,
    Changes,
    Problem,
)

_WHOLE_HORIZON: Changes = {"tail": 0, "rate": 5e-3, "log_std": -3.0}


def _short(steps: int, central: Changes, after: Changes, scratch: Changes) -> dict[str, Changes]:
    """Learners of a short horizon that is one segment, with a rate that falls to almost nothing.

    MAPPO is told that nothing follows: the last orders come too late to be sold.
    """
    shared: Changes = {
        "segment": 30,
        "replications": 64,
        "eval_every": 25,
        "final_rate_share": 0.02,
    }
    gradient: Changes = {**shared, "algorithm": "pathwise"}
    mappo: Changes = {
        **shared,
        "algorithm": "mappo",
        "horizon_end": "termination",
        "replications": 128,
        "lam": 0.97,
    }
    return {
        CENTRAL: {**gradient, "hidden": (128, 128), **central},
        PATHWISE: {**gradient, "updates": steps, "pathwise": _WHOLE_HORIZON},
        BOTH: {**mappo, "eval_every": 10, **after},
        MAPPO: {**mappo, "actor_rate": 2e-3, **scratch},
    }


_INV_CENTRAL: Changes = {"updates": 130, "pathwise": {"tail": 0, "rate": 3e-3}}
_AFTER_GRADIENT: Changes = {
    "updates": 60,
    "replications": 256,
    "actor_rate": 1e-3,
    "critic_first": 10,
    "initial_log_std": -4.5,
    "eval_seeds": 128,
}
"""Noise of about one unit: what pays under more noise costs without."""
_INV_SCRATCH: Changes = {"updates": 160, "initial_log_std": -2.0}
_NETWORK_CENTRAL: Changes = {
    "updates": 200,
    "replications": 128,
    "pathwise": {"tail": 0, "rate": 6e-3},
}
_NETWORK_SCRATCH: Changes = {"updates": 200, "sharing": "none", "initial_log_std": -1.5}


def _from_means(steps: int, segment: int, paths: int) -> Changes:
    """From levels without safety stock; the rate falls to almost nothing."""
    return {
        "algorithm": "pathwise",
        "updates": steps,
        "segment": segment,
        "replications": 32,
        "eval_every": 25,
        "eval_seeds": paths,
        "final_rate_share": 0.02,
        "pathwise": {"rate": 5e-3, "tail": 12, "log_std": -3.0},
    }


_ONE_PATH: Changes = {
    "algorithm": "pathwise",
    "updates": 180,
    "segment": 36,
    "replications": 1,
    "eval_every": 10,
    "eval_seeds": 1,
    "final_rate_share": 0.1,
    "pathwise": {"rate": 1.5e-2, "tail": 0, "log_std": -3.0},
}
"""The beer game is always the same."""
_GRADIENT: Changes = {"algorithm": "pathwise", "eval_every": 25, "final_rate_share": 0.02}
_AFTER: Changes = {
    "algorithm": "mappo",
    "critic_first": 18,
    "replications": 128,
    "initial_log_std": -2.5,
    "actor_rate": 5e-4,
    "final_rate_share": 0.05,
    "eval_seeds": 64,
}
_LANES = ("agents.action.form=order_quantity", "agents.action.max_order=60")
"""A buyer must be able to order everything from its cheaper source."""

PROBLEMS = (
    Problem(
        "OR-Gym Inv, backlog",
        "reference/orgym_inv_backlog.yaml",
        kind="discounted return",
        published=(("RL", 438.8), ("best heuristic", 508.0), ("perfect information", 560.4)),
        targets={CENTRAL: 525, PATHWISE: 522, BOTH: 522, MAPPO: 508},
        learners=_short(350, _INV_CENTRAL, _AFTER_GRADIENT, _INV_SCRATCH),
        judged=2_000,
        bounded=100,
    ),
    Problem(
        "OR-Gym Inv, lost sales",
        "reference/orgym_inv_lost.yaml",
        kind="discounted return",
        published=(("RL", 409.8), ("best heuristic", 485.4), ("perfect information", 556.0)),
        targets={CENTRAL: 524, PATHWISE: 522, BOTH: 522, MAPPO: 485},
        learners=_short(350, _INV_CENTRAL, _AFTER_GRADIENT, _INV_SCRATCH),
        judged=2_000,
        bounded=100,
    ),
    Problem(
        "OR-Gym network, backlog",
        "reference/orgym_network_backlog.yaml",
        _LANES,
        kind="discounted return",
        published=(("RL", 737.2), ("best heuristic", 825.3), ("perfect information", 861.3)),
        targets={CENTRAL: 846, PATHWISE: 838, BOTH: 838, MAPPO: 825.3},
        learners=_short(160, _NETWORK_CENTRAL, _AFTER_GRADIENT, _NETWORK_SCRATCH),
        judged=2_000,
        bounded=100,
    ),
    Problem(
        "OR-Gym network, lost sales",
        "reference/orgym_network_lost.yaml",
        _LANES,
        kind="discounted return",
        published=(("RL", 757.8), ("best heuristic", 786.9), ("perfect information", 854.9)),
        targets={CENTRAL: 835, PATHWISE: 825, BOTH: 825, MAPPO: 786.9},
        learners=_short(110, _NETWORK_CENTRAL, _AFTER_GRADIENT, _NETWORK_SCRATCH),
        judged=2_000,
        bounded=100,
    ),
    Problem(
        "Clark-Scarf 6.1, everything seen",
        "reference/snyder_6_1.yaml",
        ("horizon=100 d",),
        published=(("optimum", 47.665),),
        targets={CENTRAL: 48.38},
        learners={CENTRAL: {**_from_means(60, 100, 32), "hidden": (64, 64)}},
        judged=500,
        tuned_start=False,
    ),
    Problem(
        "Clark-Scarf 6.1, fleet",
        "reference/snyder_6_1.yaml",
        published=(("optimum", 47.665),),
        targets={PATHWISE: 48.38},
        learners={PATHWISE: _from_means(100, 40, 8)},
        judged=50,
        tuned_start=False,
    ),
    Problem(
        "beer game",
        "library/beer_game.yaml",
        kind="cost",
        published=(("best full-adjustment rule", 180.0),),
        targets={PATHWISE: 190.2},
        learners={PATHWISE: _ONE_PATH},
        judged=1,
        tuned_start=False,
        bounded=1,
    ),
    Problem(
        "quickstart",
        "quickstart.yaml",
        targets={PATHWISE: 60, BOTH: 60, MAPPO: 60},
        learners={
            CENTRAL: {
                **_GRADIENT,
                "updates": 200,
                "hidden": (128, 128),
                "pathwise": {"rate": 4e-3, "log_std": -2.0},
            },
            PATHWISE: {**_GRADIENT, "updates": 220, "pathwise": {"rate": 8e-3, "log_std": -2.0}},
            BOTH: {**_AFTER, "updates": 90},
            MAPPO: {"algorithm": "mappo", "updates": 469},
        },
        judged=500,
        bounded=8,
    ),
    *(
        Problem(
            name,
            f"library/{file}.yaml",
            learners={
                PATHWISE: {
                    **_GRADIENT,
                    "updates": 120,
                    "pathwise": {"rate": 8e-3, "log_std": -2.0},
                },
                MAPPO: {"algorithm": "mappo", "updates": 200},
            },
            judged=300,
            bounded=4,
        )
        for name, file in (
            ("cold chain, two products", "cold_chain_lite"),
            ("e-commerce with shared trucks", "ecommerce_trucks"),
            ("two tiers of components", "two_tier_components"),
        )
    ),
)
