"""The gateway: one session per agent between its policy and the tools of the world."""

from agents.gateway.account import CostAccount
from agents.gateway.episode import Outcome, run_through_tools
from agents.gateway.schema import Label

__all__ = ["CostAccount", "Label", "Outcome", "run_through_tools"]
