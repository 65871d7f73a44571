"""Laws of importing in every format: what is written is checked, what is damaged is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from tests.foreign_files import DATA, ROOT, STOCKPYL, WILLEMS, draft_of, into
from twin.cli import run
from twin.errors import ScenarioError, UsageError
from twin.exogenous.streams import stream
from twin.importers import FORMATS, Draft, ImportOptions, read_draft, write_scenario
from twin.importers.commands import FORMAT_NAMES
from twin.importers.draft import Names
from twin.scenario import load
from twin.scenario.quantities import Name


def test_the_command_writes_a_checked_scenario_that_names_its_origin(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "six.yaml"
    arguments = ["import", "stockpyl", str(STOCKPYL), "--instance", "example_6_1"]
    assert run([*arguments, "--out", str(out), "--set", "horizon=50 d"]) == 0
    assert "warning: currency: the file has none" in capsys.readouterr().err
    text = out.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=")
    assert "stockpyl_instances.json, sha256" in text
    assert load(out).model.horizon == 50
    assert run([*arguments, "--out", str(out)]) == 2
    assert run([*arguments, "--out", str(out), "--force", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["wrote"] == [str(out)]


def test_a_scenario_that_would_not_be_valid_is_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bad.yaml"
    arguments = ["import", "solomon", str(DATA / "solomon.txt"), "--out", str(out)]
    assert run([*arguments, "--set", "agents.replenish=[Atlantis]"]) == 3
    assert "unknown node 'Atlantis'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_written_scenario_is_the_one_that_is_read_from_its_file(tmp_path: Path) -> None:
    written = into(tmp_path, draft_of("demand", "demand_long.csv", stem="made", gaps="zero"))
    assert written.scenario == load(tmp_path / "made.yaml")


def test_every_format_is_a_choice_of_the_command_and_is_explained() -> None:
    assert list(FORMATS) == list(FORMAT_NAMES)
    rooms = (ROOT / "twin" / "importers" / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in rooms for name in FORMATS)


def test_names_that_are_not_allowed_are_changed_and_stay_apart() -> None:
    draft = Draft({}, "nothing")
    names = Names(draft)
    raw = ["a > b", "a - b", "a - b", " x ", "r via s", "", "n" * 200, "n" * 200]
    made = [names.allowed(name) for name in raw]
    assert made[:5] == ["a - b", "a - b 2", "a - b 3", "x", "r by way of s"]
    assert len(set(made)) == len(made)
    assert all(TypeAdapter(Name).validate_python(name) for name in made)
    assert len(draft.warnings) == len(raw)


def test_an_import_of_several_files_needs_a_place_for_them() -> None:
    with pytest.raises(UsageError, match="more than one file"):
        write_scenario(draft_of("demand", "demand_long.csv", gaps="zero"), None)


SAMPLES = {
    "stockpyl": ("stockpyl_instances.json",),
    "willems": WILLEMS,
    "demand": ("demand_long.csv",),
    "geojson": ("sites.geojson",),
    "vrplib": ("small-n6-k2.vrp",),
    "solomon": ("solomon.txt",),
}
PIECES = (b"", b"-", b"9" * 400, b"nan", b'"', b",", b"\n", b"{", b"]", b"\x00", b"\xff", b"1e400",
          b"null", b"-1", b"->", b":", b"\t", b"0")  # fmt: skip


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """A file with one stretch cut out and something else put in its place."""
    start = int(rng.integers(len(content)))
    end = min(len(content), start + int(rng.integers(0, 30)))
    return content[:start] + PIECES[int(rng.integers(len(PIECES)))] + content[end:]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_damaged_file_is_refused_or_imported_and_never_more(name: str, tmp_path: Path) -> None:
    rng = stream(14, f"damaged/{name}")
    contents = [(DATA / file).read_bytes() for file in SAMPLES[name]]
    if name == "stockpyl":
        contents = [json.dumps(json.loads(contents[0])["instances"][0]).encode()]
        contents = [b'{"instances": [' + contents[0] + b"]}"]
    outcomes = set()
    for _ in range(60):
        paths = []
        for number, content in enumerate(contents):
            paths.append(tmp_path / f"{number}.txt")
            paths[-1].write_bytes(damaged(content, rng))
        try:
            draft = read_draft(name, tuple(paths), ImportOptions(stem="made", gaps="zero"))
            write_scenario(draft, tmp_path / "made.yaml", force=True)
            outcomes.add("imported")
        except (ScenarioError, UsageError) as error:
            outcomes.add("refused" if str(error) else "refused without a word")
    assert outcomes <= {"refused", "imported"}
    assert "refused" in outcomes
