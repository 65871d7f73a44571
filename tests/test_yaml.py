"""Laws of reading YAML: the core schema of YAML 1.2, one bounded document, places of problems."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.profiles import laws
from tests.scenario_files import GOOD, Write, data, problems_of
from twin.errors import Problem, ScenarioError
from twin.scenario import load, read_sources, render
from twin.scenario.yaml12 import resolve


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"), ("yes", "yes"), ("010", 10), ("1e3", 1000.0), ("10:30", "10:30"),
        ("0o17", 15), ("0x1F", 31), ("~", None), ("", None), ("Null", None), ("TRUE", True),
        ("1_000", "1_000"), (".5", 0.5), ("1.", 1.0), ("-.inf", float("-inf")), ("+12", 12),
        ("2024-01-01", "2024-01-01"), ("1 d", "1 d"), ("=", "="), ("0b1", "0b1"),
        ("\u0661", "\u0661"),
    ],
)  # fmt: skip
def test_plain_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)


def test_keys_are_text_as_written_and_quotes_and_tags_decide_types() -> None:
    assert data("NO: 1\n10: 2\n~: 3\n") == {"NO": 1, "10": 2, "~": 3}
    assert data("a: '10'\nb: !!str 10\nc: !!int '7'\nd: &x [1]\ne: *x\n") == {
        "a": "10", "b": "10", "c": 7, "d": [1], "e": [1],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a: [" * 500, 1, None, "nested deeper than 64 levels"),
        ("[" * 200_000, 1, 66, "nested deeper than 64 levels"),
        ("- " * 200_000, 1, 131, "nested deeper than 64 levels"),
        ("a: &a [*a]", 1, 8, "refers to the value it stands in"),
        ("a: *b", 1, 4, "has no anchor above it"),
        ("a: 1\n---\nb: 2\n", 2, 1, "a second document starts here"),
        ("# nothing\n", None, None, "the file is empty"),
        ("a:\n\t- b", 2, 1, "a tab cannot indent YAML"),
        ("a: @b", 1, 4, "a value cannot begin with '@'"),
        ("a: 'b\n", 1, 4, "the quote that opens here is never closed"),
        ("a: b: c", 1, 5, "a ':' that YAML does not expect here"),
        ("a: 1\n  b: 2", 2, 4, "a ':' that YAML does not expect here"),
        ("a: 1\nb: \x07", 2, 4, "U+0007"),
        ("a: 1\n" * 9_000, 202, 1, "too many problems to go on"),
        ("a: !!int x", 1, 4, "not of the type !!int"),
        ("- 1\n- 2", 1, 1, "got a list, expected a map"),
        ("just text", 1, 1, "got 'just text', expected a map"),
    ],
)
def test_what_is_not_one_bounded_yaml_map_is_refused_at_its_place(
    write: Write, text: str, line: int | None, column: int | None, words: str
) -> None:
    problems = problems_of(write("x.yaml", text))
    first = next((p for p in problems if words in p.message), None)
    assert first is not None, problems
    assert first.line == (line or first.line)
    assert first.column == (column or first.column)


def test_aliases_of_aliases_cannot_hide_depth(write: Write) -> None:
    rows = "".join(f"a{i}: &a{i} {'[' * 9}*a{i - 1}{']' * 9}\n" for i in range(1, 20))
    assert "deeper" in problems_of(write("x.yaml", f"a0: &a0 []\n{rows}"))[0].message


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter(write: Write) -> None:
    windows = write("x.yaml", "\ufeff" + GOOD.replace("\n", "\r\n"))
    assert load(windows).digest == load(write("y.yaml", GOOD)).digest


@laws(50)
@given(st.lists(st.sampled_from([*GOOD, *"{}[]*&!|>'\"%@\t", "->", "1e999", GOOD]), max_size=40))
def test_no_text_does_anything_but_load_or_raise_a_scenario_error(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes("".join(parts).encode())
    try:
        load(path)
        problems: tuple[Problem, ...] = ()
    except ScenarioError as error:
        problems = error.problems
    assert all(problem.line >= 1 and problem.column >= 1 for problem in problems)
    render(problems, read_sources(problems))
