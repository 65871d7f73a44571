"""Corpus, mutations and fuzzed answers through every tool's answer path (FAULTS.md, gate G7).

None is executed, none uncaught, and each has exactly one label. ``make fuzz`` puts 100,000 through.
"""

from __future__ import annotations

import json

import pytest

from stress.catalogue.luck import Draw
from stress.catalogue.mutations import MUTATIONS, mutated
from tests.fuzz import answer_path
from tests.fuzz.answer_path import DOORS, SOUND, AnswerPath, reference, sound
from tests.fuzz.answers import CORPUS
from tests.fuzz.doors import Doors, read_outcome
from tests.fuzz.generated import fuzz
from tests.profiles import DEEP, TIMES_DEEPER
from twin.tools.catalogue import error_answer
from twin.tools.wire import sealed

GENERATED = 2_000
LUCKS = 5


@pytest.fixture(scope="module")
def doors() -> Doors:
    return Doors()


@pytest.mark.parametrize("door", DOORS)
def test_a_sound_answer_is_used_and_leads_to_no_question(door: str) -> None:
    path = AnswerPath(door)
    assert path.put(sound(door)) == SOUND
    assert (path.executed, path.unlabelled, path.clarified) == ([], [], 0)


@pytest.mark.parametrize("path", CORPUS, ids=[path.name for path in CORPUS])
def test_no_corpus_file_is_executed_in_place_of_any_answer_or_of_a_number(path, doors) -> None:
    body = path.read_bytes()
    for door in DOORS:
        doors.put(door, body)
        doors.put(door, sealed(body) if body else body)
        doors.put(door, sealed(sound(door).replace(b"1.5", body, 1)))
    assert doors.outcome().sound


@pytest.mark.parametrize("name", MUTATIONS)
def test_no_mutation_of_any_answer_is_executed(name: str, doors: Doors) -> None:
    for door in DOORS:
        for base in (sound(door), error_answer("c", door, "internal")):
            for luck in range(LUCKS):
                doors.put(door, mutated(base, MUTATIONS[name], Draw(b"law", str(luck))))
    assert doors.outcome().sound


def test_fuzzed_answers_are_neither_executed_nor_uncaught_and_all_labelled() -> None:
    found = fuzz(GENERATED * (TIMES_DEEPER if DEEP else 1), 1e9, derandomize=not DEEP)
    assert found.findings == []
    assert found.sound
    assert found.answers >= GENERATED
    assert found.clarified > 0
    assert len(found.labels) >= 8
    assert read_outcome(found.document()) == found


@pytest.mark.parametrize("open_door", ["is_sealed", "guarded"])
def test_a_boundary_with_a_hole_is_noticed(monkeypatch, open_door: str) -> None:
    """Whoever leaves out a check executes what nobody said; the harness sees it."""
    holes = {"is_sealed": lambda body: True, "guarded": lambda body, cap: json.loads(body)}
    monkeypatch.setattr(f"agents.gateway.schema.{open_door}", holes[open_door])
    found = fuzz(400, 1e9, derandomize=True)
    assert found.executed + found.uncaught > 0
    assert not found.sound


def test_a_failure_with_two_labels_is_noticed(monkeypatch) -> None:
    path = AnswerPath("demand.read")
    count = path._caller._fail
    monkeypatch.setattr(path._caller, "_fail", lambda call, why: count(call, count(call, why)))
    path.put(b"{")
    assert path.unlabelled == [b"{"]


def test_the_reference_reads_what_a_sound_answer_says_and_nothing_else() -> None:
    for door in DOORS:
        assert reference(door, sound(door)) is not None
        for broken in (b"", b"[]", sound(door, "d"), sound(door)[:-1], sound(door) + b" {}"):
            assert reference(door, broken) is None
    twice = sealed(sound("demand.read").replace(b'"as_of"', b'"as_of":3,"as_of"', 1))
    assert reference("demand.read", twice) is None


def test_the_books_begin_anew_before_a_budget_could_end() -> None:
    path = AnswerPath("inventory.read")
    for _ in range(3 * answer_path.FRESH_AFTER):
        path.put(b"\xff")
    path.close()
    assert dict(path.labels) == {"not_utf8": 3 * answer_path.FRESH_AFTER}
    assert path.violations == []
