"""Training speed beside other projects: who cannot run is a row that says why."""

import sys
from pathlib import Path

import pytest

from tests.benchmarks.learning import others
from tests.benchmarks.learning.foreign import Collector, PlainLoop, mappo
from tests.benchmarks.learning.others import Spent, on_policy
from tests.benchmarks.learning.waiting import AGENTS, ENVS, STEPS, environments


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like on-policy's, and a place for drivers that this interpreter runs."""
    (tmp_path / "onpolicy").mkdir()
    (tmp_path / "onpolicy" / "config.py").write_text("TAKEN = [3.0, 4.0]\n")
    (tmp_path / "drivers").mkdir()
    monkeypatch.setattr(others, "HERE", tmp_path)
    monkeypatch.setattr(others, "python_of", lambda *_: Path(sys.executable))
    return tmp_path


def driver(checkout: Path, text: str) -> None:
    (checkout / "drivers" / others.ON_POLICY.driver).write_text(text)


def test_a_checkout_that_nobody_gave_says_where_to_get_it() -> None:
    with pytest.raises(RuntimeError, match=r"git clone https://\S+/on-policy, then --on-policy"):
        on_policy(1, None)


def test_a_folder_that_holds_something_else_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=f"{tmp_path} holds no onpolicy/config.py: git clone"):
        on_policy(1, tmp_path)


def test_a_driver_imports_from_the_checkout_and_its_last_line_counts(checkout: Path) -> None:
    text = "import json, sys\nfrom onpolicy.config import TAKEN\n"
    driver(checkout, text + "print('noise')\nprint(json.dumps([TAKEN] * int(sys.argv[1])))\n")
    assert on_policy(2, checkout) == [Spent(3.0, 4.0)] * 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("raise SystemExit('no such module')", "no such module"),
        ("print('neither time')", "printed 'neither time'"),
        ("", "printed ''"),
        ("raise SystemExit(3)", "exit status 3"),
    ],
)
def test_a_driver_that_fails_or_says_nothing_is_a_reason(
    checkout: Path, text: str, reason: str
) -> None:
    driver(checkout, text)
    with pytest.raises(RuntimeError, match=reason):
        on_policy(1, checkout)


def test_both_learners_of_this_process_take_the_same_number_of_joint_frames() -> None:
    plain = PlainLoop(environments(0.0), 1)
    assert len(plain.collect().seen) == STEPS
    assert plain.seen.shape[:2] == (ENVS, AGENTS)
    batch = Collector(environments(0.0)).collect(mappo(1), 0)
    assert batch.rewards.shape == (STEPS, ENVS, 1)
