"""What all tests share: the marker of those that take minutes, and two small fixtures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.profiles import DEEP


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "slow: takes minutes, runs with HYPOTHESIS_PROFILE=deep")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip slow tests in the quick profile; ``make test-deep`` runs them."""
    skip = pytest.mark.skip(reason="slow: set HYPOTHESIS_PROFILE=deep")
    for item in items if not DEEP else ():
        if item.get_closest_marker("slow"):
            item.add_marker(skip)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes a text under a name, as given: no line end is changed."""

    def writer(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode())
        return path

    return writer


@pytest.fixture
def one_thread() -> Iterator[None]:
    """More threads of torch only get in each other's way in networks as small as these."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
