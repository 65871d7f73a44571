"""The faults there are, by family; to add one, write a small file and list its class here."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from stress.catalogue.act_adversarial import ActAdversarial
from stress.catalogue.act_delay import ActDelay
from stress.catalogue.act_drop import ActDrop
from stress.catalogue.act_stuck import ActStuck
from stress.catalogue.actor_approver import ApproverFails
from stress.catalogue.actor_byzantine import Byzantine
from stress.catalogue.actor_crash import Crash
from stress.catalogue.actor_kill_switch import KillSwitchUse
from stress.catalogue.actor_message_drop import MessageDrop
from stress.catalogue.actor_pause import Pause
from stress.catalogue.actor_retry_storm import RetryStorm
from stress.catalogue.actor_stale_policy import StalePolicy
from stress.catalogue.base import Fault, TrainingFault
from stress.catalogue.channel_bandwidth import Bandwidth
from stress.catalogue.channel_corrupt import Corrupt
from stress.catalogue.channel_duplicate import Duplicate
from stress.catalogue.channel_latency import LatencySpikes
from stress.catalogue.channel_limit_data import LimitData
from stress.catalogue.channel_loss import Loss
from stress.catalogue.channel_reorder import Reorder
from stress.catalogue.channel_reset_peer import ResetPeer
from stress.catalogue.channel_slicer import Slicer
from stress.catalogue.channel_slow_close import SlowClose
from stress.catalogue.channel_timeout import Timeout
from stress.catalogue.network_account_lock import AccountLock
from stress.catalogue.network_clock_skew import ClockSkew
from stress.catalogue.network_clog import Clog
from stress.catalogue.network_partition import Partition
from stress.catalogue.network_provider_outage import ProviderOutage
from stress.catalogue.network_throttle import Throttle
from stress.catalogue.obs_bias import Bias
from stress.catalogue.obs_dropout import Dropout
from stress.catalogue.obs_freeze import Freeze
from stress.catalogue.obs_noise import Noise
from stress.catalogue.obs_spoof import Spoof
from stress.catalogue.obs_stale import Stale
from stress.catalogue.storage_throttle import StorageThrottle
from stress.catalogue.tool_error import ToolErrors
from stress.catalogue.tool_injection import Injection
from stress.catalogue.tool_malformed import MalformedAnswers
from stress.catalogue.tool_rate_limit import RateLimit
from stress.catalogue.tool_schema_drift import SchemaDrift
from stress.catalogue.tool_semantic import SemanticErrors
from stress.catalogue.world_capacity import Capacity
from stress.catalogue.world_demand_surge import DemandSurge
from stress.catalogue.world_lead_time import LeadTime
from stress.catalogue.world_outage import Outage
from stress.catalogue.world_price import Price
from stress.catalogue.world_vehicle_breakdown import VehicleBreakdown
from stress.catalogue.world_yield import Yield
from twin.errors import UsageError
from twin.scenario.explain import validation_findings
from twin.scenario.findings import Finding, did_you_mean, dotted

_SEEING: tuple[type[Fault], ...] = (Noise, Bias, Stale, Freeze, Dropout, Spoof)
_ACTING: tuple[type[Fault], ...] = (ActDrop, ActDelay, ActStuck, ActAdversarial)
_TOOLS: tuple[type[Fault], ...] = (
    MalformedAnswers,
    SchemaDrift,
    SemanticErrors,
    ToolErrors,
    RateLimit,
    Injection,
)
_CHANNEL: tuple[type[Fault], ...] = (
    LatencySpikes,
    Bandwidth,
    Loss,
    Duplicate,
    Reorder,
    Timeout,
    ResetPeer,
    LimitData,
    Slicer,
    SlowClose,
    Corrupt,
)
_NETWORK: tuple[type[Fault], ...] = (
    Throttle,
    Partition,
    Clog,
    ProviderOutage,
    AccountLock,
    ClockSkew,
)
_WORLD: tuple[type[Fault], ...] = (
    DemandSurge,
    LeadTime,
    Price,
    Outage,
    Capacity,
    Yield,
    VehicleBreakdown,
)
_ACTORS: tuple[type[Fault], ...] = (
    Crash,
    Pause,
    Byzantine,
    StalePolicy,
    RetryStorm,
    MessageDrop,
    ApproverFails,
    KillSwitchUse,
)

FAMILIES: dict[str, type[Fault]] = {
    fault.family: fault
    for group in (_SEEING, _ACTING, _TOOLS, _CHANNEL, _NETWORK, _WORLD, _ACTORS)
    for fault in group
}
"""Every fault by its family's name, in the order of the vocabulary."""


TRAINING_FAMILIES: dict[str, type[TrainingFault]] = {StorageThrottle.family: StorageThrottle}
"""Faults of training runs, which no campaign meets."""


def build_fault(family: str, parameters: Mapping[str, object] | None = None) -> Fault:
    """The fault of a family with the given parameters.

    Raises UsageError for an unknown family and for parameters that do not fit.
    """
    if family not in FAMILIES:
        raise UsageError("unknown fault", "", repr(family), "", f"{did_you_mean(family, FAMILIES)}")
    findings = parameter_findings(family, parameters or {})
    if findings:
        hint = f" ({findings[0].hint})" if findings[0].hint else ""
        where = f"{family}.{dotted(findings[0].path)}"
        raise UsageError(f"{findings[0].message}{hint}", where)
    return FAMILIES[family].model_validate(dict(parameters or {}))


def parameter_findings(family: str, parameters: Mapping[str, object]) -> tuple[Finding, ...]:
    """Everything that is wrong with the parameters of a known family."""
    model, data = FAMILIES[family], dict(parameters)
    try:
        model.model_validate(data)
    except ValidationError as error:
        return validation_findings(error, model, data)
    return ()
