"""Tests that take minutes run only in the deep profile (``make test-deep``)."""

from __future__ import annotations

import pytest

from tests.profiles import DEEP


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "slow: takes minutes, runs with HYPOTHESIS_PROFILE=deep")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip slow tests in the quick profile."""
    skip = pytest.mark.skip(reason="slow: set HYPOTHESIS_PROFILE=deep")
    for item in items if not DEEP else ():
        if item.get_closest_marker("slow"):
            item.add_marker(skip)
