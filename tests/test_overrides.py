"""Laws of laying one scenario over another: extends, and --set."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenario_files import GOOD, Write, problems_of
from twin.scenario import load, render
from twin.scenario.capacity import Capacity


def test_a_file_is_laid_over_the_one_it_extends(write: Write) -> None:
    write("base/base.yaml", GOOD)
    text = (
        "extends: base/base.yaml\nname: over\nlanes: {dc->north: {capacity: 9}}\n"
        "nodes: {dc: {stock: null}, north: {demand: {model: normal, mean: 5, sd: 1}}}\n"
    )
    scenario = load(write("over.yaml", text))
    model = scenario.model
    assert (model.name, model.nodes["dc"].stock) == ("over", 0.0)
    assert list(model.lanes) == ["plant -> dc", "dc -> north"]
    assert model.lanes["dc -> north"].capacity == Capacity(units=9)
    assert [Path(file.path).name for file in scenario.files] == ["over.yaml", "base.yaml"]


def test_a_problem_lies_in_the_file_its_value_came_from(write: Write) -> None:
    base = write("base.yaml", GOOD.replace("stock: 300", "stock: -3"))
    over = write("over.yaml", "extends: base.yaml\nnodes:\n  dc: {capacity: -1}\n")
    places = [(Path(p.file), p.line, p.column, p.path) for p in problems_of(over)]
    assert places == [
        (over, 3, 18, "nodes.dc.capacity"),
        (base, 6, 32, "nodes.dc.stock"),
    ]


def test_files_that_extend_each_other_are_refused(write: Write) -> None:
    write("a.yaml", "extends: b.yaml\n")
    (problem,) = problems_of(write("b.yaml", "extends: a.yaml\n"))
    assert "circle: b.yaml -> a.yaml -> b.yaml" in problem.message
    for index in range(12):
        write(f"c{index}.yaml", f"extends: c{index + 1}.yaml\n")
    assert "more than 8 files" in problems_of(write("c.yaml", "extends: c0.yaml\n"))[0].message
    assert "no file" in problems_of(write("d.yaml", "extends: e.yaml\n"))[0].message


@pytest.mark.parametrize(
    ("override", "same_as"),
    [
        ("nodes.dc.stock=400", ("stock: 300", "stock: 400")),
        ("lanes.dc->north.lead_time=2 d", ("lead_time: 1 d", "lead_time: 2 d")),
        ("lanes.'dc -> north'.lead_time = 48 h", ("lead_time: 1 d", "lead_time: 2 d")),
        ('"nodes".dc={kind: factory}', ("{kind: warehouse, stock: 300}", "{kind: factory}")),
        ("nodes.north.demand.mean=3", ("mean: 20", "mean: 3")),
        ("nodes.north.demand.weekly=[1,1,1,1,1,1,0]",
         ("mean: 20", "mean: 20, weekly: [1,1,1,1,1,1,0]")),
        ("tools.retries.attempts=1", ("kind: scenario", "tools: {retries: {attempts: 1}}")),
        ("nodes.dc.stock=~", ("stock: 300", "stock: 0")),
    ],
)  # fmt: skip
def test_an_override_means_what_the_edited_file_means(
    write: Write, override: str, same_as: tuple[str, str]
) -> None:
    edited = write("edited.yaml", GOOD.replace(*same_as))
    assert load(write("x.yaml", GOOD), [override]).digest == load(edited).digest


@pytest.mark.parametrize(
    ("override", "column", "words"),
    [
        ("nodes.dcc.stock=4", 7, "there is no 'dcc' in nodes (did you mean 'dc'?)"),
        ("nodes.dc.stok=4", 10, "there is no 'stok' in nodes.dc (did you mean 'stock'?)"),
        ("lanes.dc->nort.share=1", 7, "(did you mean 'dc -> north'?)"),
        ("horizn=4", 1, "(did you mean 'horizon'?)"),
        ("nodes.north.demand.sd=4", 20, "there is no 'sd' in nodes.north.demand"),
        ("nodes.dc.stock.crate=4", 16, "300 has no parts"),
        ("nodes.dc.stock=-4", 16, "got -4, expected at least 0"),
        ("nodes.dc.stock=[4", 16, "not closed"),
        ("nodes.dc.stock", 10, "not an override"),
        ("=3", 1, "not an override"),
        ("a\nb=3", 1, "one line"),
    ],
)
def test_a_wrong_override_is_named_with_its_column(
    write: Write, override: str, column: int, words: str
) -> None:
    (problem,) = problems_of(write("x.yaml", GOOD), override)
    assert problem.file == f"--set {override}"
    assert (problem.line, problem.column) == (1, column)
    assert words in str(problem)
    assert override.split("\n")[0] in render([problem], {})
