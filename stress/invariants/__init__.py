"""What must never happen in any run, and what a campaign must have seen to prove anything."""

from stress.invariants.laws import LAWS, Law, title, violations, world_violations
from stress.invariants.observed import Course, Observed
from stress.invariants.sometimes import Sometimes, never_happened, sometimes
from stress.invariants.witness import Witness, weights_digest

__all__ = [
    "LAWS",
    "Course",
    "Law",
    "Observed",
    "Sometimes",
    "Witness",
    "never_happened",
    "sometimes",
    "title",
    "violations",
    "weights_digest",
    "world_violations",
]
