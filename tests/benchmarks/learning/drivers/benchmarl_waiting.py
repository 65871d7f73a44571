"""BenchMARL's MAPPO in the waiting environment; prints what each batch took.

Prints one line of JSON: CPU microseconds a joint step of every batch, collecting and learning. Runs
in an environment of its own with benchmarl, torch and PettingZoo, this folder's parent on the path.
Ten environments, 2,000 joint frames a batch, ten epochs in minibatches of 500 frames, 64-64
networks shared by all agents: as the other learners of the comparison.
"""

import json
import sys
import tempfile
import time

import torch
from benchmarl.algorithms import MappoConfig
from benchmarl.environments.common import Task, TaskClass
from benchmarl.experiment import Callback, Experiment, ExperimentConfig
from benchmarl.models.mlp import MlpConfig
from torchrl.envs.libs.pettingzoo import PettingZooWrapper
from waiting import ENVS, EPISODE, STEP_US, STEPS, Waiting


class WaitingTask(TaskClass):
    """What BenchMARL asks of a task."""

    def get_env_fun(self, num_envs, continuous_actions, seed, device):
        return lambda: PettingZooWrapper(
            env=Waiting(seed or 0, STEP_US), return_state=False, use_mask=False, device=device
        )

    def supports_continuous_actions(self):
        return True

    def supports_discrete_actions(self):
        return False

    def has_render(self, env):
        return False

    def max_steps(self, env):
        return EPISODE

    def group_map(self, env):
        return env.group_map

    def observation_spec(self, env):
        spec = env.observation_spec.clone()
        for group in self.group_map(env):
            for key in list(spec[group].keys()):
                if key != "observation":
                    del spec[(group, key)]
        for key in list(spec.keys()):
            if key not in self.group_map(env):
                del spec[key]
        return spec

    def info_spec(self, env):
        return None

    def state_spec(self, env):
        return None

    def action_spec(self, env):
        return env.full_action_spec

    def action_mask_spec(self, env):
        return None

    @staticmethod
    def env_name():
        return "waiting"


class WaitingTasks(Task):
    """The one task."""

    WAITING = None

    @staticmethod
    def associated_class():
        return WaitingTask


class Clock(Callback):
    """CPU time of collecting, which ends with a batch, and of learning, which ends with its use."""

    def __init__(self):
        super().__init__()
        self.last, self.collected, self.batches = None, 0.0, []

    def on_batch_collected(self, batch):
        self.collected = time.process_time()

    def on_train_end(self, training_td, group):
        now = time.process_time()
        if self.last is not None:
            frames = ENVS * STEPS * 1e-6
            taken = (self.collected - self.last, now - self.collected)
            self.batches.append([seconds / frames for seconds in taken])
        self.last = now


def main(batches):
    torch.set_num_threads(1)
    config = ExperimentConfig.get_from_yaml()
    config.max_n_iters, config.max_n_frames = batches + 2, None
    config.on_policy_collected_frames_per_batch = ENVS * STEPS
    config.on_policy_n_envs_per_worker = ENVS
    config.on_policy_n_minibatch_iters = 10
    config.on_policy_minibatch_size = ENVS * STEPS // 4
    config.share_policy_params = True
    config.evaluation = config.render = False
    config.loggers, config.create_json = [], False
    config.save_folder = tempfile.mkdtemp()
    model = MlpConfig(
        num_cells=[64, 64],
        layer_class=torch.nn.Linear,
        activation_class=torch.nn.Tanh,
    )
    clock = Clock()
    Experiment(
        task=WaitingTask("WAITING", {}),
        algorithm_config=MappoConfig.get_from_yaml(),
        model_config=model,
        critic_model_config=model,
        seed=0,
        config=config,
        callbacks=[clock],
    ).run()
    print(json.dumps(clock.batches[1:]))


if __name__ == "__main__":
    main(int(sys.argv[1]))
