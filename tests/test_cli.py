"""The command line: exit codes, messages, and what it does not load."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import twin
from twin.cli import COMMANDS, run

ROOT = Path(__file__).parent.parent
CHAIN = str(ROOT / "scenarios" / "reference" / "orgym_inv_backlog.yaml")
BAD = sorted((ROOT / "tests" / "data" / "bad").glob("*.yaml"))


def test_the_public_names_are_pinned():
    assert twin.__all__ == [
        "ScenarioError",
        "TwinError",
        "__version__",
        "load",
        "parallel_env",
        "replay",
        "simulate",
        "vector_env",
    ]


@pytest.mark.parametrize("heavy", ["torch", "matplotlib", "mlflow", "pettingzoo", "scipy"])
def test_help_and_check_load_nothing_heavy(heavy):
    code = (
        "import sys; from twin.cli import run; "
        f"run(['--help']); run(['check', {CHAIN!r}]); "
        f"assert {heavy!r} not in sys.modules, 'loaded'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_help_lists_every_command(capsys):
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command, capsys):
    assert run([command, "--help"]) == 0
    assert "Usage" in capsys.readouterr().out


def test_a_typo_gets_a_suggestion(capsys):
    assert run(["simulat"]) == 2
    assert "Did you mean 'simulate'" in capsys.readouterr().err


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_wrong_scenario_exits_3_with_line_and_column(path, capsys):
    assert run(["check", str(path)]) == 3
    shown = capsys.readouterr().err
    assert f"{path}:" in shown
    assert "Traceback" not in shown


def test_check_prints_only_json_when_asked(capsys):
    assert run(["check", CHAIN, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["ok"] is True


def test_a_missing_file_is_a_problem_and_not_a_crash(capsys):
    assert run(["check", "no/such/file.yaml"]) == 3
    assert "no/such/file.yaml" in capsys.readouterr().err


def test_new_writes_a_scenario_that_checks(tmp_path, capsys):
    file = tmp_path / "mine.yaml"
    assert run(["new", str(file)]) == 0
    assert run(["check", str(file)]) == 0
    assert run(["new", str(file)]) == 2
    assert "--force" in capsys.readouterr().err


def test_show_resolved_is_a_scenario_again(tmp_path, capsys):
    assert run(["show", CHAIN, "--resolved"]) == 0
    copy = tmp_path / "copy.yaml"
    copy.write_text(capsys.readouterr().out)
    assert twin.load(copy).digest == twin.load(CHAIN).digest


def simulate(capsys, *options):
    assert run(["simulate", CHAIN, "--seeds", "6", "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def test_simulate_gives_the_same_digest_twice_and_with_two_processes(capsys):
    first = simulate(capsys)
    assert simulate(capsys) == first
    assert simulate(capsys, "-j", "2") == first
    assert simulate(capsys, "--seed", "1")["digest"] != first["digest"]


def test_overrides_change_the_scenario(capsys):
    changed = simulate(capsys, "--set", "nodes.retailer.stock=50")
    assert changed["scenario_digest"] != simulate(capsys)["scenario_digest"]


def test_an_unknown_policy_is_a_usage_error(capsys):
    assert run(["simulate", CHAIN, "--policy", "magic"]) == 2
    assert "magic" in capsys.readouterr().err


def test_a_folder_that_is_no_run_is_a_usage_error(tmp_path, capsys):
    assert run(["judge", str(tmp_path)]) == 2
    assert "run.json" in capsys.readouterr().err


def test_doctor_finds_this_installation_sound(capsys):
    assert run(["doctor", "--json"]) == 0
    assert all(item["ok"] for item in json.loads(capsys.readouterr().out))
