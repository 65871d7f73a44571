"""Imports vehicle routing instances in VRPLIB (TSPLIB) form, such as those of CVRPLIB."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from twin.importers.draft import Draft, ImportOptions
from twin.importers.formats import one_file
from twin.importers.routing import MAX_CUSTOMERS, Customer, Routing, network
from twin.importers.sources import read_text, refuse_at
from twin.importers.sphere import tsplib_geo_km
from twin.scenario.findings import clip, shown

_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")
PLANE = {"EUC_2D": 2, "CEIL_2D": 2, "FLOOR_2D": 2, "EXACT_2D": 2, "EUC_3D": 3, "MAN_2D": 2,
         "MAX_2D": 2, "GEO": 2}  # fmt: skip
"""Edge weight types with coordinates, and how many each point has."""
MATRICES = ("FULL_MATRIX", "LOWER_ROW", "UPPER_ROW", "LOWER_DIAG_ROW", "UPPER_DIAG_ROW")
USED_KEYS = ("NAME", "COMMENT", "TYPE", "DIMENSION", "EDGE_WEIGHT_TYPE", "EDGE_WEIGHT_FORMAT",
             "NODE_COORD_TYPE", "CAPACITY", "VEHICLES", "DISPLAY_DATA_TYPE")  # fmt: skip
USED_SECTIONS = ("NODE_COORD_SECTION", "DEMAND_SECTION", "DEPOT_SECTION", "EDGE_WEIGHT_SECTION")
LARGEST = 1e12
Row = list[float]


@dataclass
class Instance:
    """Keys and sections of a file."""

    path: Path
    keys: dict[str, str] = field(default_factory=dict)
    sections: dict[str, list[tuple[int, Row]]] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    """Line of every key and section."""

    def number(self, key: str) -> float:
        """The number after a key; raises ScenarioError."""
        if key not in self.keys:
            refuse_at(self.path, f"the line {key} is missing")
        if not _NUMBER.match(self.keys[key]) or abs(float(self.keys[key])) > LARGEST:
            message = f"{key}: got {shown(clip(self.keys[key]))}, expected a number"
            refuse_at(self.path, message, line=self.lines[key])
        return float(self.keys[key])

    def rows(self, section: str, width: int) -> dict[int, Row]:
        """Rows of a section by node number; raises ScenarioError for one of another width."""
        found: dict[int, Row] = {}
        for line, row in self.sections.get(section, []):
            if len(row) != width + 1:
                message = f"got {len(row)} numbers in {section}, expected {width + 1}"
                refuse_at(self.path, message, line=line)
            found[int(row[0])] = row[1:]
        return found


def read(files: tuple[Path, ...], options: ImportOptions) -> Draft:
    """An instance with one depot; raises ScenarioError for what is wrong or not a CVRP."""
    path = one_file(files, "a VRPLIB instance")
    text, digest = read_text(path)
    instance = _parsed(path, text)
    name = instance.keys.get("NAME", path.stem)
    draft = Draft({}, f"the VRPLIB instance {clip(name)}", [digest])
    network(_routing(instance, name), draft)
    return draft


def _parsed(path: Path, text: str) -> Instance:
    instance = Instance(path)
    section = ""
    for line, raw in enumerate(text.splitlines(), 1):
        words = raw.split()
        if not words:
            continue
        if words[0].upper() == "EOF":
            break
        if all(map(_NUMBER.match, words)) and section:
            row = [float(word) for word in words]
            if max(map(abs, row)) > LARGEST:
                refuse_at(path, f"got a number beyond {LARGEST:.0e}", line=line)
            instance.sections[section].append((line, row))
            continue
        key, colon, value = raw.partition(":")
        name = key.strip().upper()
        if not colon and name.endswith("_SECTION"):
            section = name
            instance.sections.setdefault(section, [])
        elif colon or len(words) > 1:
            name = name if colon else words[0].upper()
            instance.keys[name] = value.strip() if colon else " ".join(words[1:])
            section = ""
        else:
            refuse_at(path, f"got {shown(clip(raw.strip()))}, expected KEY : value", line=line)
        instance.lines[name] = line
    return instance


def _routing(instance: Instance, name: str) -> Routing:
    dimension = int(instance.number("DIMENSION"))
    if not 2 <= dimension <= MAX_CUSTOMERS:
        message = f"DIMENSION: got {dimension:,}, expected 2 to {MAX_CUSTOMERS:,}"
        refuse_at(instance.path, message, line=instance.lines["DIMENSION"])
    capacity = instance.number("CAPACITY")
    if capacity <= 0:
        refuse_at(instance.path, "CAPACITY: expected more than 0", line=instance.lines["CAPACITY"])
    demands = instance.rows("DEMAND_SECTION", 1)
    numbers = sorted(demands)
    if len(numbers) != dimension:
        message = f"got the demand of {len(numbers):,} nodes, expected {dimension:,}"
        refuse_at(instance.path, message, line=instance.lines.get("DEMAND_SECTION", 1))
    depot = _depot(instance, numbers)
    distances = _distances(instance, numbers, depot)
    customers = []
    for number in numbers:
        (demand,) = demands[number]
        if number == depot:
            continue
        if demand < 0:
            refuse_at(instance.path, f"node {number}: got a demand of {demand:g}, expected >= 0")
        customers.append(Customer(f"customer {number}", demand, distances[number]))
    return Routing(
        name=name,
        comment=instance.keys.get("COMMENT", "").strip("\"' "),
        customers=tuple(customers),
        capacity=capacity,
        vehicles=_vehicles(instance, name),
        remarks=tuple(_remarks(instance)),
    )


def _depot(instance: Instance, numbers: list[int]) -> int:
    listed = [int(cell) for _, row in instance.sections.get("DEPOT_SECTION", []) for cell in row]
    depots = [number for number in listed if number != -1]
    if len(depots) > 1:
        message = f"got {len(depots)} depots, expected one"
        refuse_at(instance.path, message, line=instance.lines["DEPOT_SECTION"])
    depot = depots[0] if depots else numbers[0]
    if depot not in numbers:
        message = f"the depot {depot} is not a node"
        refuse_at(instance.path, message, line=instance.lines["DEPOT_SECTION"])
    return depot


def _vehicles(instance: Instance, name: str) -> int | None:
    """The number of vehicles: a line of the file, or the ``k`` of a name such as A-n32-k5."""
    if "VEHICLES" in instance.keys:
        count = instance.number("VEHICLES")
        if not 1 <= count <= 10_000 or not count.is_integer():
            message = f"VEHICLES: got {count:g}, expected 1 to 10,000"
            refuse_at(instance.path, message, line=instance.lines["VEHICLES"])
        return int(count)
    match = re.search(r"-k([0-9]{1,4})\b", name)
    return max(int(match[1]), 1) if match else None


def _remarks(instance: Instance) -> Iterator[tuple[str, str]]:
    if instance.keys.get("TYPE", "CVRP").upper() != "CVRP":
        yield "TYPE", f"{clip(instance.keys['TYPE'])} is read as CVRP"
    if "VEHICLES" not in instance.keys and re.search(
        r"-k[0-9]{1,4}\b", instance.keys.get("NAME", "")
    ):
        yield "vehicles", "the number is the k in the name"
    for key, value in instance.keys.items():
        if key not in USED_KEYS:
            yield key, f"{clip(value)} is not used"
    for section in instance.sections:
        if section not in USED_SECTIONS:
            yield section, "is not used"
    if instance.keys.get("EDGE_WEIGHT_TYPE", "").upper() != "GEO":
        yield "positions", "are not degrees, so nodes have no location; lanes have distances"


def _distances(instance: Instance, numbers: list[int], depot: int) -> dict[int, float]:
    """Distance of every node from the depot, by the rule of the file."""
    rule = instance.keys.get("EDGE_WEIGHT_TYPE", "EUC_2D").upper()
    line = instance.lines.get("EDGE_WEIGHT_TYPE", 1)
    if rule == "EXPLICIT":
        return _explicit(instance, numbers, depot)
    if rule not in PLANE:
        expected = ", ".join([*PLANE, "EXPLICIT"])
        message = f"EDGE_WEIGHT_TYPE: got {shown(clip(rule))}, expected {expected}"
        refuse_at(instance.path, message, line=line)
    points = instance.rows("NODE_COORD_SECTION", PLANE[rule])
    missing = [number for number in numbers if number not in points]
    if missing:
        message = f"node {missing[0]} has no coordinates"
        refuse_at(instance.path, message, line=instance.lines.get("NODE_COORD_SECTION", 1))
    return {number: _length(rule, points[number], points[depot]) for number in numbers}


def _length(rule: str, a: Row, b: Row) -> float:
    apart = [abs(x - y) for x, y in zip(a, b, strict=True)]
    match rule:
        case "EUC_2D" | "EUC_3D":
            return float(math.floor(math.hypot(*apart) + 0.5))
        case "CEIL_2D":
            return float(math.ceil(math.hypot(*apart)))
        case "FLOOR_2D":
            return float(math.floor(math.hypot(*apart)))
        case "MAN_2D":
            return float(math.floor(sum(apart) + 0.5))
        case "MAX_2D":
            return float(max(math.floor(x + 0.5) for x in apart))
        case "GEO":
            return tsplib_geo_km((a[0], a[1]), (b[0], b[1]))
        case _:
            return math.hypot(*apart)


def _explicit(instance: Instance, numbers: list[int], depot: int) -> dict[int, float]:
    form = instance.keys.get("EDGE_WEIGHT_FORMAT", "").upper()
    if form not in MATRICES:
        message = f"EDGE_WEIGHT_FORMAT: got {shown(clip(form))}, expected {', '.join(MATRICES)}"
        refuse_at(instance.path, message, line=instance.lines.get("EDGE_WEIGHT_FORMAT", 1))
    cells = [x for _, row in instance.sections.get("EDGE_WEIGHT_SECTION", []) for x in row]
    n = len(numbers)
    places = list(_places(form, n))
    if len(cells) != len(places):
        message = f"got {len(cells):,} distances, expected {len(places):,} of a {form} of {n:,}"
        refuse_at(instance.path, message, line=instance.lines.get("EDGE_WEIGHT_SECTION", 1))
    home = numbers.index(depot)
    found = {depot: 0.0}
    for (i, j), cell in zip(places, cells, strict=True):
        if i == home:
            found[numbers[j]] = cell
        elif j == home and form != "FULL_MATRIX":
            found[numbers[i]] = cell
    return found


def _places(form: str, n: int) -> Iterator[tuple[int, int]]:
    """Row and column of every number of an explicit matrix, in the order of the file."""
    diagonal = "DIAG" in form
    for i in range(n):
        if form == "FULL_MATRIX":
            columns = range(n)
        elif form.startswith("LOWER"):
            columns = range(i + diagonal)
        else:
            columns = range(i + (not diagonal), n)
        for j in columns:
            yield i, j
