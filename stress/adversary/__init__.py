"""The adversary: searches faults and schedules for what breaks a policy, and shrinks what it finds.

plan        a point of the search space; from a plan to a stress suite and back
space       what can be drawn: families, rungs, windows, parameters, seeds
referee     plays plans: does the challenger fail where the static policy survives
searchers   who proposes plans: cross-entropy, or TPE of optuna
search      the loop, within a budget of plans
shrink      from a failure to a minimal one
record      attack.json, and the failure as a stress file
"""
