"""What moved, as an EPCIS 2.0 document in JSON-LD (GS1): an ObjectEvent per shipment and receipt.

Vocabulary is the Core Business Vocabulary's, in the short words that EPCIS 2.0 asks for in JSON:
under its context ``shipping`` is https://ref.gs1.org/cbv/BizStep-shipping. Quantities are of
classes without serial numbers. Places and products are private URIs under a base that the user may
choose. Events have the time of the period in which they happened; their ids follow from the
ledger's digest, so that the same run gives the same document.
"""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from twin.engine.ledger import PeriodLedger
from twin.exporters.files import whole_file

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
BASE = "https://twin.example"
"""Where private URIs live; ``.example`` belongs to nobody."""
START = datetime.date(2026, 1, 5)
"""A Monday, as day 0 of the twin is."""
MAX_EVENTS = 5_000_000
STEPS = (("shipped", "shipping", "in_transit"), ("received", "receiving", "in_progress"))
"""Quantity of the ledger, business step, disposition."""
DUST = 1e-9


def write_epcis(
    ledger: PeriodLedger, path: Path, start: datetime.date = START, base: str = BASE
) -> int:
    """Write every event, one per line, and return how many; raises UsageError."""
    began = datetime.datetime.combine(start, datetime.time(), datetime.UTC)
    head = {
        "@context": [CONTEXT],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": _iso(began),
    }
    count = 0
    with whole_file(path) as stream:
        stream.write(json.dumps(head)[:-1] + ', "epcisBody": {"eventList": [\n')
        for count, event in enumerate(events(ledger, began, base.rstrip("/")), 1):
            stream.write((",\n" if count > 1 else "") + json.dumps(event, allow_nan=False))
        stream.write("\n]}}\n")
    return count


def events(ledger: PeriodLedger, began: datetime.datetime, base: str) -> Iterator[dict[str, Any]]:
    """Receipts and shipments by period, the receipts first, lanes in order."""
    told = 0
    period = datetime.timedelta(days=ledger.world.model.period)
    moving = ledger.world.source != ledger.world.destination  # production stays where it is
    for t in range(ledger.world.periods):
        for name, step, disposition in reversed(STEPS):
            moved = getattr(ledger, name)[t]
            for lane in np.flatnonzero((moved > DUST).any(axis=1) & moving):
                told += 1
                if told > MAX_EVENTS:
                    raise _too_many()
                yield {
                    "type": "ObjectEvent",
                    "eventID": _event_id(ledger, t, step, int(lane)),
                    "eventTime": _iso(began + t * period),
                    "eventTimeZoneOffset": "+00:00",
                    "action": "OBSERVE",
                    "bizStep": step,
                    "disposition": disposition,
                    **_where(ledger, int(lane), step, base),
                    "quantityList": _quantities(ledger, moved[lane], base),
                }


def _where(ledger: PeriodLedger, lane: int, step: str, base: str) -> dict[str, Any]:
    world = ledger.world
    source, destination = (
        f"{base}/location/{quote(world.nodes[end[lane]], safe='')}"
        for end in (world.source, world.destination)
    )
    here = source if step == "shipping" else destination
    return {
        "readPoint": {"id": here},
        **({"bizLocation": {"id": here}} if step == "receiving" else {}),
        "sourceList": [{"type": "location", "source": source}],
        "destinationList": [{"type": "location", "destination": destination}],
    }


def _quantities(ledger: PeriodLedger, units: Any, base: str) -> list[dict[str, Any]]:
    products = ledger.world.products
    return [
        {"epcClass": f"{base}/class/{quote(products[k], safe='')}", "quantity": float(units[k])}
        for k in np.flatnonzero(units > DUST)
    ]


def _event_id(ledger: PeriodLedger, t: int, step: str, lane: int) -> str:
    text = f"{ledger.digest}/{t}/{step}/{ledger.lanes[lane]}"
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, text)}"


def _iso(moment: datetime.datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _too_many() -> Exception:
    from twin.errors import UsageError

    return UsageError("too many events", "export", f"more than {MAX_EVENTS:,}", fix="Export less.")
