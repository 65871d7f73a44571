"""The examples of README.md are true."""

import os
import re
from pathlib import Path

import twin
from twin.cli import COMMANDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_scenario_in_twenty_lines_runs(tmp_path):
    (text,) = blocks("yaml")
    assert len(text.splitlines()) <= 22
    file = tmp_path / "shops.yaml"
    file.write_text(text)
    twin.simulate(twin.load(file), seed=1).check()


def test_the_python_example_runs():
    (code,) = blocks("python")
    before = Path.cwd()
    os.chdir(ROOT)
    try:
        names = {}
        exec(compile(code, "README.md", "exec"), names)
    finally:
        os.chdir(before)
    assert names["ledger"].digest == twin.simulate(names["scenario"], seed=7).digest
    assert names["env"].possible_agents


def test_every_command_is_in_the_table_and_exists():
    shown = set(re.findall(r"`twin ([a-z-]+)", README))
    assert shown == set(COMMANDS)
