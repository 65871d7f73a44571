"""Laws of training by several processes: they learn as one, and only the first one writes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agents.checkpoint.bundle import read_bundle
from agents.learn.config import TrainConfig
from agents.learn.distributed import Team
from agents.learn.launched import Place, place_of, refuse_ranks
from agents.learn.metrics import read_rows
from agents.learn.ranks import Ranks, Share
from agents.learn.run import check_ranks
from tests.learning_world import tiny, trained
from twin.cli import run as command
from twin.errors import TrainingError, UsageError
from twin.exogenous.streams import stream

ROOT = Path(__file__).parent.parent


ONE_STORE = """
kind: scenario
name: one store
horizon: 8 d
nodes:
  plant: {kind: supplier}
  store: {kind: store, stock: 12, holding: 0.5, penalty: 8, demand: {model: poisson, mean: 5}}
lanes:
  plant -> store: {lead_time: 2 d}
agents:
  replenish: [store]
"""


SUITE = """
kind: stress
name: a store's troubles
faults:
  world.yield: {}
  obs.stale: {}
"""


def configured(**changes: Any) -> TrainConfig:
    """Five networks are two for one rank and three for the other."""
    return tiny(**{"replications": 5, "updates": 3, **changes})


def launched(*arguments: str) -> list[tuple[int, str, str]]:
    """Exit code and output of two ranks, each told its place as torchrun tells it."""
    port, next_port = free_ports()
    meeting = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    alone = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.rank_run", *arguments[:2], next_port, *arguments[2:]]
    running = [
        subprocess.Popen(
            command,
            env={**os.environ, **alone, **meeting, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for rank in range(2)
    ]
    try:
        told = [process.communicate(timeout=300) for process in running]
        return [(p.returncode, *said) for p, said in zip(running, told, strict=True)]
    finally:
        for process in running:
            process.kill()


def free_ports() -> tuple[str, str]:
    """Two ports of this machine that nobody listens on."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        return str(one.getsockname()[1]), str(other.getsockname()[1])


CASES = {
    "mappo": {},
    "happo": {
        "algorithm": "happo",
        "reward": {"mode": "difference"},
        "absence": {"kill": 0.3, "spell": 3},
    },
    "pathwise": {"algorithm": "pathwise"},
    "warm": {"warm_start": 0.5, "algorithm": "ippo"},
    "remembers": {"recurrent": {"hidden": 4}},
    "remembers-parts": {"recurrent": {"hidden": 4}, "checkpoint_every": 1},
    "vdn": {"algorithm": "vdn", "absence": {"kill": 0.3, "spell": 3}},
    "iql-parts": {"algorithm": "iql", "checkpoint_every": 1},
}


def command_in(folder: Path, runs: str = "runs") -> list[str]:
    """Train the store, hardened, by what lies in a folder."""
    scenario, training, suite = (folder / f"{n}.yaml" for n in ("one_store", "training", "suite"))
    options = f"--training={training} --harden={suite} --out={folder / runs}"
    return ["train", str(scenario), *options.split(), "--from-scratch", "--json"]


@pytest.fixture(scope="module")
def by_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All cases trained by two ranks, and then a scenario by the command."""
    folder = tmp_path_factory.mktemp("ranks")
    given = {name: configured(**fields).model_dump(mode="json") for name, fields in CASES.items()}
    training, scenario = folder / "training.yaml", folder / "one_store.yaml"
    one = configured(updates=1, eval_every=1, audit_every=0, kind="training")
    training.write_text(one.model_dump_json(), encoding="utf-8")
    scenario.write_text(ONE_STORE, encoding="utf-8")
    (folder / "suite.yaml").write_text(SUITE, encoding="utf-8")
    ranks = launched(str(folder), json.dumps(given), *command_in(folder))
    for rank, (code, out, err) in enumerate(ranks):
        assert code == 0, err
        (folder / f"out{rank}").write_text(out, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", CASES)
def test_two_ranks_learn_what_one_process_learns(name: str, by_two: Path, tmp_path: Path) -> None:
    expected = read_bundle(trained(tmp_path, configured(**CASES[name])))[1]
    found = read_bundle(by_two / name / "bundle")[1]
    assert found.keys() == expected.keys()
    for part, array in expected.items():
        np.testing.assert_allclose(found[part], array, rtol=1e-3, atol=1e-5, err_msg=part)
    clock = {"seconds", "steps_per_second", "events"}
    for mine, theirs in zip(read_rows(tmp_path), read_rows(by_two / name), strict=True):
        other = theirs.model_dump(exclude=clock)
        assert mine.model_dump(exclude=clock) == pytest.approx(other, rel=1e-3, abs=1e-5)


def test_a_run_of_two_ranks_that_was_stopped_ends_bit_for_bit_the_same(by_two: Path) -> None:
    names = ("remembers", "remembers-parts")
    whole, parts = (read_bundle(by_two / name / "bundle")[1] for name in names)
    for part, array in whole.items():
        np.testing.assert_array_equal(parts[part], array, err_msg=part)


def test_one_process_goes_on_where_two_ranks_stopped(by_two: Path, tmp_path: Path) -> None:
    config = configured(**CASES["remembers-parts"])
    expected = read_bundle(trained(tmp_path, config))[1]
    again = by_two / "remembers-parts"
    (again / "bundle").rename(again / "bundle of two")
    for checkpoint in sorted((again / "checkpoints").iterdir())[1:]:
        checkpoint.rename(again / checkpoint.name)
    found = read_bundle(trained(again, config, resume=True))[1]
    for part, array in expected.items():
        np.testing.assert_allclose(found[part], array, rtol=1e-3, atol=1e-5, err_msg=part)


def test_a_replay_is_not_resumed_by_another_number_of_ranks(by_two: Path) -> None:
    config = configured(**CASES["iql-parts"])
    with pytest.raises(TrainingError, match=r"replay lies with another number of ranks.*as many"):
        trained(by_two / "iql-parts", config, resume=True)


def test_the_ranks_of_a_command_make_one_run_hardened_like_that_of_one_process(
    by_two: Path,
) -> None:
    (run,) = (by_two / "runs").iterdir()
    assert json.loads((by_two / "out0").read_text(encoding="utf-8"))["run"] == str(run)
    assert (by_two / "out1").read_text(encoding="utf-8") == ""
    assert [row.update for row in read_rows(run)] == [1]
    assert command(command_in(by_two, "alone")) == 0
    (alone,) = (by_two / "alone").iterdir()
    for part, array in read_bundle(alone / "bundle")[1].items():
        found = read_bundle(run / "bundle")[1][part]
        np.testing.assert_allclose(found, array, rtol=1e-3, atol=1e-5, err_msg=part)


def test_a_rank_whose_neighbour_is_gone_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(tensor: Any) -> None:
        raise RuntimeError("Connection closed by peer [127.0.0.1]:1\nand more")

    monkeypatch.setattr("torch.distributed.all_reduce", broken)
    rank = Team(Place(1, 2, 1, "127.0.0.1", 1, False), torch.device("cpu"))
    with pytest.raises(TrainingError, match=r"rank 1 of 2: another rank .*closed by peer.*resume"):
        rank.total(np.ones(1))


def test_shares_are_all_replications_once() -> None:
    rng = stream(0, "test/shares")
    for whole, blocks in ((7, 1), (8, 1), (7, 3)):
        array = rng.standard_normal((2, blocks * whole))
        shares = [Share().part(i, 3) for i in range(3)]
        owned = [share.own(array, blocks) for share in shares]
        assert [o.shape[-1] for o in owned] == [blocks * s.count(whole) for s in shares]
        spread = sum(s.spread(o, whole, blocks) for s, o in zip(shares, owned, strict=True))
        np.testing.assert_array_equal(spread, array)
    nested = [share.part(j, 2) for share in shares for j in range(2)]
    assert sorted(i for s in nested for i in range(20)[s.columns]) == list(range(20))


def test_a_rank_without_a_network_is_refused() -> None:
    ranks = Ranks()
    ranks.size = 6
    with pytest.raises(UsageError, match=r"fewer replications than ranks.*at least 6"):
        check_ranks(configured(), ranks)


@pytest.mark.parametrize(
    "environment",
    [
        {"WORLD_SIZE": "2", "RANK": "2", "MASTER_PORT": "29500"},
        {"WORLD_SIZE": "2", "RANK": "0"},
        {"WORLD_SIZE": "two"},
        {"WORLD_SIZE": "2", "MASTER_PORT": "29500"},
    ],
)
def test_a_contradictory_place_is_an_error(environment: Mapping[str, str]) -> None:
    with pytest.raises(UsageError, match="not a place among ranks"):
        place_of(environment)


def test_a_command_for_one_process_refuses_to_be_several(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_ranks("twin prove")
    for name, value in (("WORLD_SIZE", "2"), ("RANK", "0"), ("MASTER_PORT", "29500")):
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="twin prove runs in one process"):
        refuse_ranks("twin prove")
