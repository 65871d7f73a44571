"""A digital twin of logistics networks: describe in YAML, simulate, train, stress, promote.

>>> import twin
>>> ledger = twin.simulate(twin.load("scenarios/reference/orgym_inv_backlog.yaml"), seed=7)
>>> ledger.on_hand.shape
(30, 4, 1)
"""

from __future__ import annotations

from twin.api import load, parallel_env, replay, simulate, vector_env
from twin.errors import ScenarioError, TwinError

__all__ = [
    "ScenarioError",
    "TwinError",
    "__version__",
    "load",
    "parallel_env",
    "replay",
    "simulate",
    "vector_env",
]
__version__ = "0.1.0"
