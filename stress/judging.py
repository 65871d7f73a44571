"""What every criterion shares: the material it judges and the form of its finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from agents.credit.record import Audit
from stress.adversary.record import AttackRecord
from stress.evidence import BASELINE, CHAMPION, Evidence
from stress.gate_model import GateModel
from stress.results import Criterion, Figure, Status, TrainingRow
from stress.statistics import Interval, Pairs, Statistic, bootstrap, pairs_needed_after
from stress.wording import change_parts
from twin.errors import UsageError

RANK: dict[Status, int] = {"FAIL": 0, "INCONCLUSIVE": 1, "PASS": 2}
MAX_PAIRS_WORTH_SAYING = 1_000_000


@dataclass(frozen=True)
class Provenance:
    """Digests written down beforehand, and the same digests taken at the judgement, by name.

    ``gate`` and ``scenario`` are recorded before training, ``artifact`` when the checkpoint is
    sealed; further names (data files, the stress suite) are compared likewise.
    """

    recorded: Mapping[str, str]
    found: Mapping[str, str]


@dataclass(frozen=True)
class Bench:
    """Everything a criterion may look at."""

    gate: GateModel
    gate_hash: str
    evidence: Evidence
    provenance: Provenance
    credit: Mapping[str, Interval] | None = None
    """By agent: cost per period with the agent replaced by the static policy, less the fleet's."""
    audit: Audit | None = None
    """The same by Shapley values, where they were measured."""
    training: tuple[TrainingRow, ...] = ()
    """The updates that led to the fleet."""
    attack: AttackRecord | None = None
    """The last attack on a checkpoint of the run."""
    champion: str = ""
    """Version of the reigning model; empty where there is none."""
    baseline_name: str = "the tuned static policy"
    currency: str = ""

    @property
    def reference(self) -> str:
        """The policy that tail and resilience are compared with: the champion, else the baseline.

        A champion that is named but was not run leaves nothing to compare with, on purpose.
        """
        ran = any(case.policy == CHAMPION for case in self.evidence.cases)
        return CHAMPION if self.champion or ran else BASELINE

    def named(self, policy: str) -> str:
        """A reference as it is called in a sentence."""
        if policy == BASELINE:
            return self.baseline_name
        return f"the champion (version {self.champion})" if self.champion else "the champion"

    def money(self, text: str) -> str:
        """An amount per period with the currency."""
        return f"{text} {self.currency}".rstrip() + " per period"

    def interval(self, groups: Sequence[Pairs], statistic: Statistic, purpose: str) -> Interval:
        """Paired bootstrap by the gate's own seed and number of resamples."""
        return bootstrap(groups, statistic, self.gate.seed, purpose, self.gate.resamples)


@dataclass(frozen=True)
class Finding:
    """A judged criterion and the figure that stands for it on the front of a report."""

    criterion: Criterion
    figure: Figure

    @property
    def rank(self) -> int:
        """0 for FAIL, 1 for INCONCLUSIVE, 2 for PASS."""
        return RANK[self.criterion.status]


@dataclass(frozen=True)
class Line:
    """Id, title and figure label of a criterion."""

    gate: str
    title: str
    label: str = field(default="")

    def says(
        self,
        status: Status,
        sentence: str,
        figure: str = "",
        value: float | None = None,
        threshold: float | None = None,
    ) -> Finding:
        """A finding without an interval."""
        margin = None if value is None or threshold is None else threshold - value
        criterion = Criterion(
            gate=self.gate,
            title=self.title,
            status=status,
            value=value,
            threshold=threshold,
            margin=margin,
            sentence=sentence,
        )
        return Finding(criterion, Figure(label=self.label or self.title, value=figure or status))

    def compares(self, status: Status, sentence: str, ratio: Interval, threshold: float) -> Finding:
        """A finding about a cost ratio; its figure has the interval in the label."""
        size, interval = change_parts(ratio)
        named = replace(self, label=f"{self.label or self.title} ({interval})")
        return named.measures(status, sentence, size, ratio, threshold)

    def measures(
        self, status: Status, sentence: str, figure: str, interval: Interval, threshold: float
    ) -> Finding:
        """A finding whose upper bound is held against a threshold."""
        criterion = Criterion(
            gate=self.gate,
            title=self.title,
            status=status,
            value=interval.value,
            low=interval.low,
            high=interval.high,
            threshold=threshold,
            margin=threshold - interval.high,
            sentence=sentence,
        )
        return Finding(criterion, Figure(label=self.label or self.title, value=figure))


def below(interval: Interval, threshold: float) -> Status:
    """PASS when the upper bound is below, FAIL when the estimate itself is not, else unknown."""
    if interval.value >= threshold:
        return "FAIL"
    return "PASS" if interval.high < threshold else "INCONCLUSIVE"


def at_most(interval: Interval, threshold: float) -> Status:
    """The same with the threshold itself allowed."""
    if interval.value > threshold:
        return "FAIL"
    return "PASS" if interval.high <= threshold else "INCONCLUSIVE"


def worst(statuses: Sequence[Status]) -> Status:
    """FAIL before INCONCLUSIVE before PASS; nothing judged is INCONCLUSIVE."""
    return min(statuses, key=RANK.__getitem__, default="INCONCLUSIVE")


def more_pairs(groups: Sequence[Pairs], interval: Interval, threshold: float) -> str:
    """The advice of an undecided comparison: how many paired seeds would settle it."""
    try:
        needed = max(pairs_needed_after(group, threshold - interval.value) for group in groups)
    except UsageError:
        return "the estimate lies exactly on the limit"
    if needed > MAX_PAIRS_WORTH_SAYING:
        return "too close to the limit to tell"
    return f"too close to the limit to tell; about {max(needed, interval.n + 1):,} pairs would"
