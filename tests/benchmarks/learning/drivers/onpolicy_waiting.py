"""on-policy's MAPPO in the waiting environment; prints what each batch took, as BenchMARL's driver.

Runs in an environment of its own with torch, PettingZoo and what on-policy imports, this folder's
parent and a checkout of on-policy on the path. Configuration, ``DummyVecEnv``, runner, replay
buffer, policy and trainer are on-policy's own, the loop is that of its ``MPERunner.run`` without
saving and logging. That runner refuses continuous actions, so ``collect`` is ours: it hands them on
as they were drawn.
"""

import json
import sys
import tempfile
import time

import numpy as np
import torch
from gymnasium.spaces import Box
from onpolicy.config import get_config
from onpolicy.envs.env_wrappers import DummyVecEnv
from onpolicy.runner.shared.mpe_runner import MPERunner
from waiting import AGENTS, ENVS, SEEN, STEP_US, STEPS, Waiting

MPE_MAPPO = ["--use_recurrent_policy", "--cuda", "--use_wandb"]
"""Its flags turn defaults off: no GRU for mappo, no GPU, no account."""
AS_THE_OTHERS = ["--use_ReLU", "--ppo_epoch", "10", "--n_rollout_threads", str(ENVS)]
"""tanh, ten epochs; two layers of 64 and one gradient step an epoch are its defaults."""
CONTINUOUS = ["--use_policy_active_masks"]
"""Its mask of dead agents has no shape that fits the entropy of a continuous action."""


class Listed:
    """The waiting environment as on-policy's wrappers ask: lists by agent, one kind of end."""

    def __init__(self, seed):
        self.env = Waiting(seed, STEP_US)
        self.names = self.env.possible_agents
        whole = Box(-np.inf, np.inf, (AGENTS * SEEN,), np.float32)
        self.observation_space = [self.env.observation_space(name) for name in self.names]
        self.share_observation_space = [whole for _ in self.names]
        self.action_space = [self.env.action_space(name) for name in self.names]

    def reset(self):
        return list(self.env.reset()[0].values())

    def step(self, actions):
        seen, rewards, _, cut, infos = self.env.step(dict(zip(self.names, actions, strict=True)))
        gained = [[reward] for reward in rewards.values()]
        return list(seen.values()), gained, list(cut.values()), list(infos.values())


class ContinuousRunner(MPERunner):
    """Acts with what the policy draws."""

    @torch.no_grad()
    def collect(self, step):
        self.trainer.prep_rollout()
        kept = self.buffer
        asked = (kept.share_obs, kept.obs, kept.rnn_states, kept.rnn_states_critic, kept.masks)
        drawn = self.trainer.policy.get_actions(*(np.concatenate(rows[step]) for rows in asked))
        return [np.array(np.split(rows.numpy(), self.n_rollout_threads)) for rows in drawn]


def runner():
    """on-policy's runner on ten waiting environments."""
    flags = [*MPE_MAPPO, *AS_THE_OTHERS, *CONTINUOUS, "--episode_length", str(STEPS)]
    return ContinuousRunner(
        {
            "all_args": get_config().parse_args(flags),
            "envs": DummyVecEnv([lambda seed=seed: Listed(seed) for seed in range(ENVS)]),
            "eval_envs": None,
            "num_agents": AGENTS,
            "device": torch.device("cpu"),
            "run_dir": tempfile.mkdtemp(),
        }
    )


def batch(learner):
    """One batch: microseconds a joint step, collecting and learning."""
    start = time.process_time()
    for step in range(STEPS):
        values, actions, *rest = learner.collect(step)
        learner.insert((*learner.envs.step(actions), values, actions, *rest))
    collected = time.process_time()
    learner.compute()
    learner.train()
    learnt = time.process_time()
    frames = ENVS * STEPS * 1e-6
    return (collected - start) / frames, (learnt - collected) / frames


def main(batches):
    torch.set_num_threads(1)
    learner = runner()
    learner.warmup()
    print(json.dumps([batch(learner) for _ in range(batches + 1)][1:]))


if __name__ == "__main__":
    main(int(sys.argv[1]))
