"""The faults there are, by family, and what each of them is."""

from stress.catalogue.base import (
    NEVER,
    ActorFault,
    ChannelFault,
    Fault,
    PeopleFault,
    Severity,
    Window,
    WorldFault,
)
from stress.catalogue.families import FAMILIES, build_fault, parameter_findings

__all__ = [
    "FAMILIES",
    "NEVER",
    "ActorFault",
    "ChannelFault",
    "Fault",
    "PeopleFault",
    "Severity",
    "Window",
    "WorldFault",
    "build_fault",
    "parameter_findings",
]
