"""A batch run in single precision is the run in double precision, to rounding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.both_engines import SHIPPED, assert_same, run_batch, shipped_case
from tests.profiles import laws
from tests.strategies import decisions, sample_paths, scenario_models
from twin.network.world import compile_world

CLOSE = 1e-4


@laws(15)
@given(st.data())
def test_single_precision_is_close_to_double(data: st.DataObject) -> None:
    model = data.draw(scenario_models())
    # Whole units and vehicles turn a rounding error into a whole step.
    smooth = model.model_copy(update={"integral": False, "fleets": {}, "lanes": without(model)})
    world = compile_world(smooth)
    paths = [data.draw(sample_paths(world))]
    chosen = data.draw(decisions(world, 1))
    single = run_batch(world, paths, chosen, np, np.float32)
    assert_same(single, run_batch(world, paths, chosen), relative=CLOSE)


def without(model: Any) -> Any:
    return {key: lane.model_copy(update={"fleet": None}) for key, lane in model.lanes.items()}


@pytest.mark.parametrize("file", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_scenario_in_single_precision_stays_single_and_close(file: Path) -> None:
    world, paths, chosen = shipped_case(file)
    single = run_batch(world, paths, chosen, np, np.float32)
    assert single.kinds == {np.dtype(np.float32)}
    assert_same(single, run_batch(world, paths, chosen), relative=CLOSE)
