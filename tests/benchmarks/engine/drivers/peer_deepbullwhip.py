"""deepbullwhip 0.4.1: its vectorised chain of four order-up-to stages on given demand."""

import numpy as np
from deepbullwhip.chain.config import beer_game_config
from deepbullwhip.chain.vectorized import VectorizedSupplyChain
from serving import serve


def batch(replications, periods):
    chain = VectorizedSupplyChain(beer_game_config())
    demand = np.random.default_rng(0).poisson(20, (replications, periods)).astype(float)
    mean, sd = np.full_like(demand, 20.0), np.full_like(demand, 4.5)

    def run():
        chain.simulate(demand, mean, sd)
        return replications * periods

    return run


if __name__ == "__main__":
    serve({"batch-4": lambda: batch(1000, 100)})
