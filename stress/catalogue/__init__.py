"""The faults there are, by family; to add one, write a small file and list its class here."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from stress.catalogue.base import NEVER, ChannelFault, Fault, Window, WorldFault
from stress.catalogue.channel_latency import LatencySpikes
from stress.catalogue.network_throttle import Throttle
from stress.catalogue.tool_malformed import MalformedAnswers
from stress.catalogue.world_demand_surge import DemandSurge
from stress.catalogue.world_outage import Outage
from twin.errors import UsageError
from twin.scenario.explain import validation_findings
from twin.scenario.findings import did_you_mean, dotted

__all__ = ["FAMILIES", "NEVER", "ChannelFault", "Fault", "Window", "WorldFault", "build_fault"]

FAMILIES: dict[str, type[Fault]] = {
    fault.family: fault
    for fault in (MalformedAnswers, LatencySpikes, Throttle, DemandSurge, Outage)
}


def build_fault(family: str, parameters: Mapping[str, object] | None = None) -> Fault:
    """The fault of a family with the given parameters.

    Raises UsageError for an unknown family and for parameters that do not fit.
    """
    if family not in FAMILIES:
        raise UsageError("unknown fault", "", repr(family), "", f"{did_you_mean(family, FAMILIES)}")
    model, data = FAMILIES[family], dict(parameters or {})
    try:
        return model.model_validate(data)
    except ValidationError as error:
        finding = validation_findings(error, model, data)[0]
        hint = f" ({finding.hint})" if finding.hint else ""
        where = f"{family}.{dotted(finding.path)}"
        raise UsageError(f"{finding.message}{hint}", where) from None
