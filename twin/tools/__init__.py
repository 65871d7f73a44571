"""The tool boundary, world side: what agents may call, and how their calls travel."""

from twin.tools.catalogue import CATALOGUE, ToolSpec
from twin.tools.channel import Channel, Layer, Transit
from twin.tools.server import ToolServer

__all__ = ["CATALOGUE", "Channel", "Layer", "ToolServer", "ToolSpec", "Transit"]
