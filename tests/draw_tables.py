"""Demand models, calendars and lead times of every kind, as a file says them."""

MODELS = {
    "constant": {"model": "constant", "mean": 4},
    "poisson": {"model": "poisson", "mean": 4},
    "normal": {"model": "normal", "mean": 4, "sd": 1.5},
    "normal, often cut off": {"model": "normal", "mean": 1, "sd": 2},
    "negative binomial": {"model": "negative_binomial", "mean": 4, "size": 2},
    "gamma": {"model": "gamma", "mean": 4, "cv": 0.8},
    "uniform": {"model": "uniform", "low": 1, "high": 9},
    "compound, geometric": {"model": "compound_poisson", "rate": 0.3, "size": 5},
    "compound, single units": {"model": "compound_poisson", "rate": 0.3, "size": 1},
    "compound, gamma": {"model": "compound_poisson", "rate": 0.3, "size": 5, "size_cv": 0.7},
    "compound, fixed size": {"model": "compound_poisson", "rate": 0.3, "size": 0.5, "size_cv": 0},
}
CALENDARS = {
    "plain": {},
    "weekly": {"weekly": [0.2, 0.5, 1, 1, 1.5, 2, 0.8]},
    "yearly": {"yearly": [0.5] * 6 + [1.5] * 6},
    "trend and event": {
        "trend": 0.0003,
        "events": [{"start": "10 d", "end": "30000 d", "factor": 2}],
    },
}
TIMES = {
    "constant": "3 d",
    "uniform": {"model": "uniform", "low": 1, "high": 4},
    "triangular": {"model": "triangular", "low": 1, "mode": 2, "high": 6},
    "triangular, a point": {"model": "triangular", "low": 2, "mode": 2, "high": 2},
    "gamma": {"model": "gamma", "mean": 3, "cv": 0.5},
    "lognormal": {"model": "lognormal", "median": 2, "p95": 5},
    "empirical": {"model": "empirical", "values": ["1 d", "36 h", 7]},
    "empirical, weighted": {"model": "empirical", "values": [1, 2, 7], "weights": [0, 3, 1]},
}
