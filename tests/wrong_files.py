"""Wrong scenarios by the dozen: library files that were changed, texts, traces, and large ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from twin.scenario.nodes import to_data
from twin.scenario.yaml12 import parse

ROOT = Path(__file__).parent.parent / "scenarios"
SOURCES = (*sorted((ROOT / "library").glob("*.yaml")), ROOT / "quickstart.yaml")
SEED = 20_261_122
Data = dict[str, Any]
Change = Callable[[Data, np.random.Generator], None]


def one(rng: np.random.Generator, names: Any) -> Any:
    """One of the names, drawn."""
    listed = list(names)
    return listed[int(rng.integers(len(listed)))]


def some_node(data: Data, rng: np.random.Generator) -> Data:
    return data["nodes"][one(rng, data["nodes"])]


def some_lane(data: Data, rng: np.random.Generator) -> Data:
    return data["lanes"][one(rng, data["lanes"])]


def selling(data: Data, rng: np.random.Generator) -> Data:
    return data["nodes"][one(rng, [n for n, v in data["nodes"].items() if "demand" in v])]


def ends(data: Data, rng: np.random.Generator) -> list[str]:
    return [end.strip() for end in one(rng, data["lanes"]).split("->")]


CHANGES: dict[str, Change] = {
    # deletion
    "no horizon": lambda d, r: d.pop("horizon"),
    "no name": lambda d, r: d.pop("name"),
    "no nodes": lambda d, r: d.pop("nodes"),
    "a node without a kind": lambda d, r: some_node(d, r).pop("kind"),
    "a node that lanes need is gone": lambda d, r: d["nodes"].pop(ends(d, r)[0]),
    "all lanes but demand are gone": lambda d, r: d.pop("lanes"),
    "a demand without its model": lambda d, r: selling(d, r).update(demand={"mean": 3}),
    "an emptied section": lambda d, r: d.update(nodes={}),
    # type
    "a number in words": lambda d, r: some_node(d, r).update(stock="many"),
    "a list for a map": lambda d, r: d.update(lanes=list(d["lanes"])),
    "text for a node": lambda d, r: d["nodes"].update({one(r, d["nodes"]): "a warehouse"}),
    "a map for a number": lambda d, r: d.update(horizon={"days": 30}),
    "a list for a duration": lambda d, r: some_lane(d, r).update(lead_time=[1, 2]),
    "true for a number": lambda d, r: some_node(d, r).update(holding=True),
    "a number for a demand model": lambda d, r: selling(d, r).update(demand=12),
    "null for a kind": lambda d, r: some_node(d, r).update(kind=None),
    "a fraction of a vehicle": lambda d, r: d.update(fleets=fleet(d, r, vehicles=2.5)),
    # unit
    "kilograms for a duration": lambda d, r: some_lane(d, r).update(lead_time="3 kg"),
    "days for a mass": lambda d, r: d.update(products={"crate": {"weight": "3 d"}}),
    "an unknown unit": lambda d, r: d.update(horizon="12 parsecs"),
    "a unit written out": lambda d, r: d.update(horizon="12 days"),
    "a data rate for a time": lambda d, r: d.update(tools={"deadline": "64 KB/s"}),
    "a currency in words": lambda d, r: d.update(currency="euro"),
    # names, cycles
    "a lane back": lambda d, r: d["lanes"].update({" -> ".join(reversed(ends(d, r))): {}}),
    "a lane to itself": lambda d, r: d["lanes"].update({f"{(n := ends(d, r)[0])} -> {n}": {}}),
    "a lane to nowhere": lambda d, r: d["lanes"].update({f"{ends(d, r)[0]} -> Atlantis": {}}),
    "an arrow too many": lambda d, r: d["lanes"].update({"a -> b -> c": {}}),
    "an unknown field": lambda d, r: some_node(d, r).update(colour="green"),
    "an unknown fleet": lambda d, r: some_lane(d, r).update(fleet="camels"),
    "an agent that is no node": lambda d, r: d.update(agents={"replenish": ["Atlantis"]}),
    "a name of 10,000 characters": lambda d, r: d["nodes"].update({"n" * 10_000: {}}),
    "a field of 10,000 characters": lambda d, r: some_node(d, r).update({"f" * 10_000: 1}),
    "an arrow in a name": lambda d, r: d["nodes"].update({"a > b": {"kind": "store"}}),
    # numbers
    "a negative stock": lambda d, r: some_node(d, r).update(stock=-1),
    "a huge stock": lambda d, r: some_node(d, r).update(stock=1e300),
    "a number of 300 digits": lambda d, r: some_node(d, r).update(holding=10**300),
    "a huge horizon": lambda d, r: d.update(horizon=1e18),
    "a horizon of many periods": lambda d, r: d.update(horizon=30, period=1e-6),
    "a huge demand": lambda d, r: selling(d, r).update(demand={"model": "poisson", "mean": 1e15}),
    "a horizon between two periods": lambda d, r: d.update(horizon=10.5, period=1),
    "vehicles without number": lambda d, r: d.update(fleets=fleet(d, r, vehicles=10**30)),
    # lists
    "an enormous list": lambda d, r: selling(d, r).update(
        demand={"model": "poisson", "mean": 3, "weekly": [1] * 50_000}
    ),
    "six weekdays": lambda d, r: selling(d, r).update(
        demand={"model": "poisson", "mean": 3, "weekly": [1] * 6}
    ),
    "thousands of wrong nodes": lambda d, r: d["nodes"].update(
        {f"n{i}": {"kind": "ware house", "stok": i} for i in range(5_000)}
    ),
    "thousands of wrong lanes": lambda d, r: d["lanes"].update(
        {f"n{i} -> m{i}": {"lead_time": "soon"} for i in range(5_000)}
    ),
    "a trace that is not there": lambda d, r: selling(d, r).update(
        demand={"model": "trace", "file": "nowhere.csv"}
    ),
}  # fmt: skip


def fleet(data: Data, rng: np.random.Generator, **fields: Any) -> Data:
    depot = ends(data, rng)[0]
    whole = {"depot": depot, "vehicles": 2, "capacity": 40, "round_trip": "2 d"}
    return {"vans": {**whole, **fields}}


def library() -> dict[str, Data]:
    """Every shipped scenario that stands alone, as plain data."""
    found = {}
    for path in SOURCES:
        data = to_data(parse(path.read_text(encoding="utf-8"), str(path)).root)  # type: ignore[arg-type]
        if "extends" not in data:
            found[path.stem] = data
    return found


LIBRARY = library()
CASES = [(name, copy_) for name in CHANGES for copy_ in range(2)]


def bomb(height: int, width: int) -> str:
    def row(i: int) -> str:
        return f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]"

    return "\n".join(["a0: &a0 [lol]", *map(row, range(1, height))])


QUICKSTART = (ROOT / "quickstart.yaml").read_text(encoding="utf-8")
LATIN = QUICKSTART.replace("quickstart", "caf\u00e9").encode("latin-1")
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 8
MANY_NODES = "".join(f"  n{i}: {{kind: store, stok: {i}}}\n" for i in range(100_000))
MANY_LANES = "".join(f"  n{i} -> m{i}: {{t: 1}}\n" for i in range(120_000))
HEAD = "kind: scenario\nname: x\nhorizon: 3 d\n"
TEXTS: dict[str, bytes] = {
    "empty": b"",
    "blank": b"\n \n\n",
    "comments only": b"# nothing\n# here\n",
    "binary": PNG,
    "zeros": bytes(100_000),
    "latin-1": LATIN,
    "utf-16": QUICKSTART.encode("utf-16"),
    "utf-8 cut in a character": "name: caf\u00e9".encode()[:-1],
    "cut in the middle": QUICKSTART[: len(QUICKSTART) // 2].rsplit(":", 1)[0].encode(),
    "a bracket that never closes": QUICKSTART.replace("}", "", 1).encode(),
    "a quote that never closes": QUICKSTART.replace("name: quickstart", "name: 'quick").encode(),
    "tabs": QUICKSTART.replace("  plant:", "\tplant:").encode(),
    "a key given twice": QUICKSTART.replace("name: quickstart", "name: a\nname: b").encode(),
    "a node given twice": QUICKSTART.replace("nodes:\n", "nodes:\n  dc: {kind: store}\n").encode(),
    "two documents": (QUICKSTART + "---\n" + QUICKSTART).encode(),
    "a merge key": QUICKSTART.replace("  plant:", "  <<: {x: 1}\n  plant:").encode(),
    "a python tag": QUICKSTART.replace("{kind: supplier}", "!!python/object:os.system {}").encode(),
    "an alias to nothing": QUICKSTART.replace("{kind: supplier}", "*plant").encode(),
    "an alias to itself": b"nodes: &n {a: *n}\n",
    "an alias bomb": bomb(12, 12).encode(),
    "a wide alias bomb": ("a: &a [" + "x, " * 1_000 + "x]\nb: [" + "*a, " * 1_000 + "*a]").encode(),
    "deep lists": (HEAD + "nodes: " + "[" * 100_000).encode(),
    "deep maps": (HEAD + "nodes: " + "{a: " * 100_000).encode(),
    "deep by indentation": "".join(f"{' ' * i}a:\n" for i in range(1_000)).encode(),
    "not a map": b"- a\n- b\n",
    "a single word": b"scenario\n",
    "json with a trailing comma": b'{"kind": "scenario", "name": "x",,}',
    "not a number": b"name: x\nhorizon: .nan\nnodes: {a: {kind: store, stock: .inf}}\n",
    "a number out of reach": (HEAD + "nodes: {a: {kind: store, stock: 1e400}}\n").encode(),
    "a number of 100,000 digits": (HEAD + "horizon2: " + "9" * 100_000).encode(),
    "a key of 1,000,000 characters": (HEAD + "k" * 1_000_000 + ": 1\n").encode(),
    "control characters": QUICKSTART.replace("quickstart", "quick\x07start").encode(),
    "another kind of file": b"kind: banana\nname: x\n",
    "extends itself": b"extends: wrong.yaml\n",
    "extends nothing": b"extends: nowhere.yaml\nname: x\n",
    "extends a folder": b"extends: .\n",
    "extends a list": b"extends: [a.yaml, b.yaml]\n",
    "an unset variable": (HEAD + "nodes: {a: {kind: store, stock: '${TWIN_NOT_SET}'}}\n").encode(),
    "100,000 wrong nodes": (HEAD + "nodes:\n" + MANY_NODES).encode(),
    "120,000 wrong lanes": (HEAD + "lanes:\n" + MANY_LANES).encode(),
    "an enormous list": (HEAD + "nodes: [" + "1, " * 1_300_000 + "1]\n").encode(),
    "an enormous flat map": (HEAD + "".join(f"k{i}: 1\n" for i in range(300_000))).encode(),
    "many values": (HEAD + "nodes: [" + ("[" + "1, " * 50_000 + "1], ") * 12 + "1]\n").encode(),
    "more than 4 MiB": (HEAD + "#" * (4 * 1024**2 + 1)).encode(),
}
TRACES: dict[str, bytes] = {
    "a trace that is too short": b"units\n1\n",
    "a trace with words": b"units\n1\ntwo\n3\n4\n",
    "a trace without the column": b"sales\n1\n2\n3\n",
    "a binary trace": PNG,
    "an empty trace": b"",
    "a trace with an open quote": b'units\n"1\n2\n3\n',
    "a negative trace": b"units\n1\n-2\n3\n",
    "a trace out of reach": b"units\n1\n1e999\n3\n",
}
LARGE = (
    "100,000 wrong nodes", "120,000 wrong lanes", "an enormous list", "an enormous flat map",
    "many values", "an alias bomb", "deep maps",
)  # fmt: skip
