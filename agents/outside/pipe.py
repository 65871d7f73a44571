"""A process behind two pipes: lines with deadlines and a bound on their length, and its end."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
import weakref
from collections.abc import Sequence
from pathlib import Path

from twin.errors import ToolBoundaryError

CHUNK = 65_536


class LinePipe:
    """Sends and receives lines; every wait ends, since a deadline is given."""

    def __init__(self, command: Sequence[str], cwd: Path, longest: int) -> None:
        self._longest = longest
        self._buffer = b""
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env={"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            bufsize=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        for stream in (self._in, self._out):
            os.set_blocking(stream.fileno(), False)
        # Whoever forgets to end it, or is ended itself, leaves nothing behind.
        weakref.finalize(self, _end, self._process)

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def send(self, line: bytes, until: float) -> None:
        """Send a line before ``until`` (monotonic s); raises ToolBoundaryError."""
        rest = memoryview(line + b"\n")
        while rest:
            self._wait(self._in.fileno(), selectors.EVENT_WRITE, until)
            try:
                rest = rest[os.write(self._in.fileno(), rest[:CHUNK]) :]
            except BrokenPipeError:
                raise ToolBoundaryError("agent_died", "its end of the pipe is closed") from None

    def receive(self, until: float) -> bytes:
        """The next line, before ``until``; raises ToolBoundaryError when there is none."""
        while b"\n" not in self._buffer:
            if len(self._buffer) > self._longest:
                raise ToolBoundaryError("oversize", f"a line of more than {self._longest} bytes")
            self._wait(self._out.fileno(), selectors.EVENT_READ, until)
            chunk = os.read(self._out.fileno(), CHUNK)
            if not chunk:
                raise ToolBoundaryError("agent_died", "it ended")
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        if len(line) > self._longest:
            raise ToolBoundaryError("oversize", f"a line of more than {self._longest} bytes")
        return line

    def end(self) -> None:
        """Kill the process and whatever it has started; wait until it is gone."""
        _end(self._process)

    def _wait(self, file: int, event: int, until: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(file, event)
            if not selector.select(max(0.0, until - time.monotonic())):
                raise ToolBoundaryError("deadline", "too slow")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process with its group, if it still runs, wait for it, and close its pipes."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
