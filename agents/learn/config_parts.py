"""Parts of the training configuration that only some runs need."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from twin.scenario.quantities import Model

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Reward(Model):
    """What agents are rewarded for while they learn; what is judged stays the network's cost."""

    mode: Literal["scenario", "team", "local", "mix", "difference"] = "scenario"
    """``scenario``: as the scenario's ``agents.reward`` says. ``team``: the network's profit;
    ``local``: the profit of the agent's own node; ``mix``: both; ``difference``: the network's
    profit less what it would be if the agent played the static policy, at the cost of simulating
    one more network per agent."""
    alpha: Fraction = 0.5
    """mix: weight of the local reward."""
    shaping: Annotated[float, Field(ge=0)] = 0.0
    """Weight of potential-based shaping towards the static policy's inventory positions, in units
    of holding cost; it changes how fast is learned, not what is best."""
    alignment_seeds: Annotated[int, Field(ge=0, le=10_000)] = 32
    """Paired runs per agent and direction that test before training whether what helps an agent
    helps the team; 0 skips the test."""


class Replay(Model):
    """Experience that VDN and IQL learn from again: memory-mapped files in the run folder."""

    segments: Annotated[int, Field(ge=1, le=100_000)] = 64
    """Newest segments to learn from; fewer where ``megabytes`` hold no more."""
    megabytes: Annotated[int, Field(ge=1, le=1_000_000)] = 1_024
    """Most disk the files take, the segments that a resumed run goes back to included."""
    slow_after: Positive = 1.0
    """Seconds that collection waits for the disk before the run says so."""
    patience: Positive = 60.0
    """Seconds that collection waits for the disk before the run stops with an error."""


class ValueLearning(Model):
    """What VDN and IQL need: choices instead of free actions, and values of them."""

    choices: Annotated[int, Field(ge=2, le=101)] = 9
    """Points of the grid over each action's range, both ends included."""
    bend: Annotated[float, Field(ge=1, le=4)] = 3.0
    """How much closer choices lie to the static policy than to the ends: 1 is evenly spaced."""
    masks: bool = False
    """Whether choices that cannot be carried out in a state are left out there, as far as the agent
    can know: orders that no open lane can take, vehicles that are not there."""
    rate: Positive = 1e-3
    """Adam's learning rate."""
    epsilon: Fraction = 0.1
    """Share of choices made at random at the start."""
    final_epsilon: Fraction = 0.02
    """The same from ``epsilon_until`` on."""
    epsilon_until: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the budget after which exploration falls no further."""
    lam: Fraction = 0.9
    """Lambda of Peng's Q(lambda): 0 is one step, 1 the whole segment."""
    steps: Count = 16
    """Gradient steps per update."""
    sequences: Count = 16
    """Sequences (one network through one segment) per gradient step."""
    target_pull: Annotated[float, Field(gt=0, le=1)] = 0.02
    """Share of the way that target networks move towards the learned ones per gradient step."""
    prior: Annotated[float, Field(ge=0)] = 0.05
    """Initial disadvantage of the choices farthest from the static policy, in standard deviations
    of the return: training starts at the static policy."""
    replay: Replay = Replay()


class GuardLimits(Model):
    """Limits of training, set before it starts; past one the run is rolled back."""

    enabled: bool = True
    """Without a guard a number that is not finite ends the run with an error."""
    kl: Positive = 0.5
    """Most approximate KL divergence of an update, mean over its gradient steps."""
    drift: Positive | None = None
    """Most distance of behaviour from the parent's, or from the start: root mean square of actions
    (2 is as far from the static policy as an action can go). Not limited by default."""
    residual_variance: Positive = 20.0
    """Most variance of the returns that the values leave unexplained, over the returns' own."""
    cost: Positive = 1.0
    """Most cost above the static policy's, as a share of it; what the first rollout costs above it,
    because of exploration, is allowed on top in rollouts."""
    shrink: Annotated[float, Field(gt=0, lt=1)] = 0.25
    """Factor on all learning rates after a rollback."""
    rollbacks: Count = 8
    """Rollbacks after which training ends with the best actors so far."""


class Absence(Model):
    """Agents out of control while a fleet learns: they decide nothing, and nothing is learnt from
    what they would have done."""

    down: bool = False
    """Whether an agent whose node, or whose fleet's depot, is closed or down is out of control; it
    is in evaluations and audits too, and back when the node is."""
    kill: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of its time in which each agent is killed, independently of the others."""
    spell: Annotated[float, Field(ge=1)] = 10.0
    """Mean periods from a kill to the return of control."""
    standby: Literal["static", "stop"] = "static"
    """What runs the lanes meanwhile: the static policy, or nothing."""

    @property
    def possible(self) -> bool:
        """Whether any agent can be out of control."""
        return self.down or self.kill > 0


class Recurrent(Model):
    """Actors that remember: a gated recurrent unit between hidden layers and head."""

    hidden: Annotated[int, Field(ge=1, le=1_024)] = 32
    """Units."""


class Pathwise(Model):
    """What the gradient through the twin needs."""

    rate: Positive = 1e-2
    """Adam's learning rate."""
    tail: Annotated[int, Field(ge=0, le=1_000)] = 8
    """Periods after a segment whose cost its decisions still answer for."""
    sharpness: Annotated[float, Field(ge=0, le=100)] = 8.0
    """How closely the slope of the number of vehicles follows its steps: 0 is a straight line."""
    log_std: float = -1.6
    """Log of the standard deviation of the exploration while a segment is played, and of a MAPPO
    run that starts from the result."""


class Hardening(Model):
    """Training networks in which something goes wrong, drawn from a stress suite."""

    suite: Annotated[str, Field(min_length=1, max_length=4_096)]
    """The suite's file, as on the command line."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the networks that are disturbed; the others stay clean."""
    severity: Annotated[int, Field(ge=1, le=5)] = 5
    """The hardest rung that is drawn once the range is as wide as it gets."""
    warmup: Fraction = 0.5
    """Share of the budget in which the range of severities widens from the mildest rung."""
    digest: str = ""
    """SHA-256 of the suite, filled in when it is read."""
