"""The gateway: one session per agent between its policy and the tools of the world."""

from agents.gateway.account import CostAccount
from agents.gateway.episode import Outcome, forecast_spend, run_through_tools
from agents.gateway.gateway import Gateway
from agents.gateway.incident import Incident
from agents.gateway.schema import Label

__all__ = [
    "CostAccount",
    "Gateway",
    "Incident",
    "Label",
    "Outcome",
    "forecast_spend",
    "run_through_tools",
]
