"""Scenarios: reading, checking and writing the YAML files that describe a network."""

from twin.scenario.excerpt import read_sources, render
from twin.scenario.files import FileHash
from twin.scenario.loader import Scenario, dump_yaml, from_mapping, load, load_document
from twin.scenario.model import ScenarioModel

__all__ = [
    "FileHash",
    "Scenario",
    "ScenarioModel",
    "dump_yaml",
    "from_mapping",
    "load",
    "load_document",
    "read_sources",
    "render",
]
