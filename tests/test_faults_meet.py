"""Laws of faults that meet on one message: none trips over what another has left of it."""

from __future__ import annotations

import pytest
from pydantic_core import to_json

from stress.catalogue import FAMILIES, ChannelFault, Window, build_fault
from stress.catalogue.luck import Draw
from stress.catalogue.mutations import MUTATIONS, mutated
from twin.network.world import compile_world
from twin.scenario import load
from twin.tools.catalogue import CATALOGUE, VERSION
from twin.tools.channel import Transit
from twin.tools.wire import sealed

WORLD = compile_world(load("scenarios/quickstart.yaml").model)
CHANNEL = [name for name, fault in FAMILIES.items() if issubclass(fault, ChannelFault)]
AGENT = {"order.place": "replenish:dc", "dispatch.book": "dispatch:trucks"}
TRIES = 4
LONGEST = 5_000
"""Bytes of a message that are worth the time here."""


def messages(tool: str, epoch: int) -> tuple[Transit, bytes, bytes]:
    """A call in an epoch: how it travels, its request and its answer."""
    spec, agent = CATALOGUE[tool], AGENT.get(tool, "replenish:dc")
    head = {"version": VERSION, "call": f"{agent}/{epoch}/0", "tool": tool}
    entity = agent.partition(":")[2]
    numbers = {name: [float(epoch), 2.0, 0.0] for name in spec.fields}
    asked = {**head, "agent": agent, "entity": entity, "key": f"{epoch}/{agent}", "period": epoch}
    said = {**head, "entity": entity, "unit": spec.unit, "as_of": epoch, "is_error": False}
    request, answer = to_json({**asked, **numbers}), sealed(to_json({**said, **numbers}))
    transit = Transit("answer", tool, agent, f"{agent}/{epoch}/0", 1, len(answer), epoch + 0.001)
    return transit, request, answer


def left_overs() -> list[tuple[Transit, list[bytes], list[bytes]]]:
    """Calls with their requests and answers, whole and broken in every way."""
    found = []
    for tool in ("inventory.read", "order.place"):
        for name, mutation in MUTATIONS.items():
            for epoch in range(TRIES):
                transit, request, answer = messages(tool, epoch)
                draw = Draw(b"k" * 32, f"{name}/{epoch}")
                broken = [mutated(body, mutation, draw)[:LONGEST] for body in (request, answer)]
                found.append((transit, [request, broken[0]], [answer, broken[1]]))
    return found


LEFT_OVERS = left_overs()


@pytest.mark.parametrize("family", CHANNEL)
def test_a_fault_takes_whatever_another_fault_has_left_of_a_message(family: str) -> None:
    layer = build_fault(family).layer(5, Window(0.0, 1e9))
    layer.start(7, WORLD)
    for transit, requests, answers in LEFT_OVERS:
        for asked, said in zip(requests, answers, strict=True):
            left = layer.request(transit._replace(direction="request"), asked)
            assert left is None or isinstance(left, bytes)
            spoilt = layer.answer(transit, said)
            assert spoilt is None or isinstance(spoilt, bytes)
