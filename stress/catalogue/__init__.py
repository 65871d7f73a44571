"""The faults there are, by family, and what each of them is."""

from stress.catalogue.base import (
    NEVER,
    ActorFault,
    ChannelFault,
    Fault,
    PeopleFault,
    Severity,
    TrainingFault,
    Window,
    WorldFault,
)
from stress.catalogue.families import (
    FAMILIES,
    TRAINING_FAMILIES,
    build_fault,
    parameter_findings,
)

__all__ = [
    "FAMILIES",
    "NEVER",
    "TRAINING_FAMILIES",
    "ActorFault",
    "ChannelFault",
    "Fault",
    "PeopleFault",
    "Severity",
    "TrainingFault",
    "Window",
    "WorldFault",
    "build_fault",
    "parameter_findings",
]
