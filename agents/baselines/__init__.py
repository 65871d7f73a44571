"""Static policies: their defaults, and their parameters tuned by simulation optimisation."""

from agents.baselines.defaults import default_rules
from agents.baselines.record import rule_from_json, rule_to_json
from agents.baselines.tune import TunedRule, tune_baselines

__all__ = ["TunedRule", "default_rules", "rule_from_json", "rule_to_json", "tune_baselines"]
