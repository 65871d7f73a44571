"""Opens and closes the windows of a run by the wall clock, for agents that live in real time."""

from __future__ import annotations

import threading

from twin.serve.run import ToolRun


class Metronome(threading.Thread):
    """Gives every window of a run the same wall time, until the run is over or ``stop`` is set."""

    def __init__(self, run: ToolRun, window_s: float) -> None:
        super().__init__(name="metronome", daemon=True)
        self._run = run
        self._window_s = window_s
        self._stop_now = threading.Event()

    def run(self) -> None:
        """Window after window; a stopped run stays where it is."""
        while not self._stop_now.is_set() and self._run.advance() is not None:
            if not self._stop_now.wait(self._window_s):
                self._run.close()

    def stop(self) -> None:
        """Stop at once and wait for the period that is being run."""
        self._stop_now.set()
        if self.is_alive():
            self.join()
