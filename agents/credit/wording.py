"""An agent's verdict in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agents.credit.behaviour import Behaviour
from agents.credit.estimate import Estimate
from agents.credit.record import Reason, Standing


@dataclass(frozen=True)
class Case:
    """What is known of one agent."""

    name: str
    value: Estimate | None
    """Its Shapley value; None where only leave-one-out was measured."""
    without: Estimate
    """What the team loses when only this agent follows the static rule."""
    gain: Estimate
    lazy_share: float
    manner: Behaviour
    currency: str

    @property
    def floor(self) -> float:
        """Money per period up to which a contribution counts as none."""
        return self.lazy_share * max(self.gain.value, 0.0)

    @property
    def share(self) -> float | None:
        """Its part of the saving; None where the team saves nothing beyond doubt."""
        if self.value is None or self.gain.low <= 0:
            return None
        return self.value.value / self.gain.value

    @property
    def idle_alone(self) -> bool:
        """Whether the team does as well when only this agent is replaced."""
        return -self.floor <= self.without.low and self.without.high <= self.floor


def sentence(case: Case, standing: Standing, reason: Reason) -> str:
    """What the agent does for the team, how sure that is, and why."""
    if case.value is None:
        return f"Without it the team costs {_more(case.without, case.currency)}: a screen only."
    amount = span(case.value, case.currency)
    part = "" if case.share is None else f", {case.share:.0%} of what the team saves"
    why = _why(standing, reason, case.manner)
    match standing:
        case "works":
            return f"It saves {amount}{part}.{_unjust(case)}"
        case "redundant":
            return (
                f"It saves {amount}{part}, but the team does as well without it: "
                "somebody else stands in."
            )
        case "dependent":
            return (
                f"On average over the orders of joining it adds nothing beyond doubt ({amount}), "
                f"but without it the team costs {_more(case.without, case.currency)}: "
                "it helps only in company."
            )
        case "lazy":
            rider = " A free rider: without it nothing changes." if case.idle_alone else ""
            return f"It adds nothing ({amount}): {why}.{rider}"
        case "harmful":
            found = case.value
            turned = Estimate(value=-found.value, low=-found.high, high=-found.low)
            return f"It costs the team {span(turned, case.currency)}: {why}."
        case _:
            return f"Not decided ({amount}{part}): more seeds would tell."


def relieved(beside: Sequence[str], standing: Standing, case: Case) -> str:
    """Of an agent that is to blame only beside worse ones; ``case`` is the one without them."""
    start = (
        f"It is to blame only beside {' and '.join(beside)}; with the static policy in that place"
    )
    if case.value is None or standing == "undecided":
        return f"{start} it does no harm beyond doubt."
    if standing == "dependent":
        return f"{start} the team costs {_more(case.without, case.currency)} without it."
    return f"{start} it saves {span(case.value, case.currency)}."


def span(value: Estimate, currency: str) -> str:
    """An amount per period with its interval."""
    unit = f" {currency}".rstrip()
    return f"{value.value:.3g}{unit} per period ({value.low:.3g} to {value.high:.3g})"


def _more(without: Estimate, currency: str) -> str:
    word = "more" if without.value >= 0 else "less"
    unit = f" {currency}".rstrip()
    return f"{abs(without.value):.3g}{unit} per period {word}"


def _unjust(case: Case) -> str:
    if case.without.high >= -case.floor:
        return ""
    return " Leave-one-out alone would blame it: it makes up for somebody else."


def _why(standing: Standing, reason: Reason, manner: Behaviour) -> str:
    match reason:
        case "copies the default":
            return "it decides what the static policy decides"
        case "frozen":
            return "its action never changes"
        case "biased":
            word = "above" if manner.bias > 0 else "below"
            amount = f"{abs(manner.bias):.2g} {manner.unit}"
            return f"on average it decides {amount} {word} the static policy"
        case _:
            effect = "to no effect" if standing == "lazy" else "and lose by it"
            return f"its decisions stray from the static policy's, {effect}"
