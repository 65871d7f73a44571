"""Every example in a docstring is run and its output compared."""

import doctest
import importlib
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in ("twin", "agents", "stress", "reports")
    for path in (ROOT / package).rglob("*.py")
    if ">>>" in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_true(name):
    before = Path.cwd()
    os.chdir(ROOT)
    try:
        result = doctest.testmod(importlib.import_module(name))
    finally:
        os.chdir(before)
    assert result.attempted > 0
    assert result.failed == 0
