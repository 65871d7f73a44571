"""The undisturbed courses that a process knows: all faults of a seed are compared with the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from stress.case import Case
from stress.invariants import Course

KEPT_COURSES = 4_096
"""A few kilobytes each."""


class Courses:
    """Courses by the id of their case; the one not asked for the longest is forgotten first."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Course] = OrderedDict()

    def keep(self, case: str, course: Course) -> None:
        """Remember the course of an undisturbed case."""
        self._known[case] = course
        self._known.move_to_end(case)
        if len(self._known) > KEPT_COURSES:
            self._known.popitem(last=False)

    def get(self, case: str) -> Course | None:
        """The course of an undisturbed case, where it is known."""
        known = self._known.get(case)
        if known is not None:
            self._known.move_to_end(case)
        return known

    def known_to(self, cases: Iterable[Case]) -> dict[str, Course]:
        """What is known of the courses that cases with faults are compared with."""
        wanted = dict.fromkeys(case.undisturbed.id for case in cases if case.strikes)
        found = ((name, self.get(name)) for name in wanted)
        return {name: course for name, course in found if course is not None}

    def made_by(self, cases: Iterable[Case]) -> dict[str, Course]:
        """The courses that cases without faults have left here."""
        found = ((case.id, self.get(case.id)) for case in cases if not case.strikes)
        return {name: course for name, course in found if course is not None}

    def learn(self, courses: dict[str, Course]) -> None:
        """Remember what another process found."""
        for name, course in courses.items():
            self.keep(name, course)
