"""Runs workloads on request: a line with a name comes in, a line of JSON goes out.

Standard library only, because it runs in the environment of each peer. Only ``run`` is timed, in
CPU time of this process; what builds the network comes before it.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping

Run = Callable[[], int]
"""Resets, simulates, and returns the number of periods (times replications)."""


def serve(workloads: Mapping[str, Callable[[], Run]]) -> None:
    """Answer requests until the input ends; whatever a library prints goes to stderr."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        replies.write(json.dumps(_answer(workloads, line.strip())) + "\n")
        replies.flush()


def _answer(workloads: Mapping[str, Callable[[], Run]], name: str) -> dict[str, object]:
    try:
        run = workloads[name]()
        start = time.process_time()
        periods = run()
        return {"periods": periods, "cpu_s": time.process_time() - start}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
