"""The network as a graph: topological order, levels, throughput.

Importing networkx is slow, so it is loaded only when a picture or an analysis asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from twin.errors import SimulationError
from twin.scenario.lanes import split_lane
from twin.scenario.model import ScenarioModel

if TYPE_CHECKING:
    import networkx as nx


def lane_ends(key: str) -> tuple[str, str]:
    """Source and destination of a lane key; raises SimulationError when it is not one.

    >>> lane_ends("plant -> dc")
    ('plant', 'dc')
    """
    ends = split_lane(key)
    if ends is None:
        raise SimulationError("not a lane", "", repr(key), "source -> destination")
    return ends


def as_networkx(model: ScenarioModel) -> nx.DiGraph:
    """The network as a ``networkx.DiGraph`` with the YAML fields as attributes."""
    import networkx as nx

    graph = nx.DiGraph(name=model.name)
    for name, node in model.nodes.items():
        graph.add_node(name, **node.model_dump(exclude_none=True))
    for key, lane in model.lanes.items():
        graph.add_edge(*lane_ends(key), **lane.model_dump(exclude_none=True))
    return graph


def depth_from_sources(
    source: NDArray[np.intp], destination: NDArray[np.intp], nodes: int
) -> NDArray[np.intp]:
    """Longest path to each node from a node without inbound lanes, in lanes.

    Raises SimulationError when the network has a cycle.
    """
    depth = np.zeros(nodes, dtype=np.intp)
    between = source != destination  # production to stock stays where it is
    source, destination = source[between], destination[between]
    for _ in range(nodes + 1):
        deeper = depth.copy()
        np.maximum.at(deeper, destination, depth[source] + 1)
        if np.array_equal(deeper, depth):
            return depth
        depth = deeper
    raise SimulationError("the network has a cycle", fix="Remove a lane of the cycle.")


def throughput(
    own: NDArray[np.float64],
    destination: NDArray[np.intp],
    depth: NDArray[np.intp],
    produces: NDArray[np.bool_],
    source: NDArray[np.intp],
    claim: Callable[[int, NDArray[np.float64]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """What flows through each node per period: (node, ..., product).

    ``own`` is customers' part. ``claim(lane, flow)`` says what a flow (product,) into the lane's
    destination claims of the source's stock. Nodes are worked from downstream to upstream, and a
    factory's own production before the lanes that bring its components.
    """
    total = own.copy()
    for lane in np.lexsort((~produces, -depth[destination])):
        total[source[lane]] += claim(int(lane), total[destination[lane]])
    return total
