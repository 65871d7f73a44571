"""One HTTP exchange per attempt: request bytes out, answer bytes in, whatever happens between.

An answer is what comes until the connection closes; its status and its declared length decide
nothing, since the gateway judges the bytes. As in the simulated channel a connection that breaks
reads as an empty answer, one that was cut off as what had come, and one that hangs as none at all.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from twin.errors import UsageError

PATIENCE_S = 30.0
"""Default wall time after which an exchange is given up."""
HEAD_BYTES = 4_096
"""Most bytes of an answer's head that are read."""
_CHUNK = 65_536
_END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Address:
        """From ``http://HOST:PORT``; raises UsageError for anything else."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if host is None or port is None or parts.scheme != "http":
            raise UsageError("cannot read the address", "url", repr(url), "http://HOST:PORT")
        return cls(host, port)


@dataclass(frozen=True)
class Exchange:
    """What came of one exchange."""

    status: int  # 0 where the head could not be read
    body: bytes | None  # none when nothing came in time
    elapsed_s: float  # wall time


class HttpCalls:
    """Posts to one server, one connection per exchange; the counts are of wall time."""

    def __init__(self, address: Address, body_cap: int, patience_s: float = PATIENCE_S) -> None:
        self.exchanges = 0
        self.broken = 0
        self.given_up = 0
        self.last_s = 0.0
        self._address = address
        self._cap = HEAD_BYTES + body_cap + 1
        self._patience_s = patience_s

    def exchange(
        self, method: str, path: str, body: bytes, headers: tuple[tuple[str, str], ...] = ()
    ) -> Exchange:
        """One request and its answer; never raises for what the other end or the way does."""
        self.exchanges += 1
        start = time.monotonic()
        answer = self._bytes(self._request(method, path, body, headers), start)
        self.last_s = time.monotonic() - start
        if answer is None:
            return Exchange(0, None, self.last_s)
        head, _, rest = answer.partition(_END_OF_HEAD)
        return Exchange(_status(head), rest, self.last_s)

    def _request(
        self, method: str, path: str, body: bytes, headers: tuple[tuple[str, str], ...]
    ) -> bytes:
        lines = (
            f"{method} {path} HTTP/1.1",
            f"Host: {self._address.host}:{self._address.port}",
            f"Content-Length: {len(body)}",
            "Connection: close",
            *(f"{name}: {value}" for name, value in headers),
        )
        return "\r\n".join(lines).encode() + _END_OF_HEAD + body

    def _bytes(self, request: bytes, start: float) -> bytes | None:
        """Everything that comes back; empty when the connection broke, None when time is over."""
        until = start + self._patience_s
        try:
            place = (self._address.host, self._address.port)
            with socket.create_connection(place, self._patience_s) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.sendall(request)
                return self._read(connection, until)
        except TimeoutError:
            self.given_up += 1
            return None
        except OSError:
            self.broken += 1
            return b""

    def _read(self, connection: socket.socket, until: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        while size < self._cap:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            connection.settimeout(left)
            part = connection.recv(min(_CHUNK, self._cap - size))
            if not part:
                break
            parts.append(part)
            size += len(part)
        return b"".join(parts)


def _status(head: bytes) -> int:
    """The status code of an answer's head; 0 when there is none."""
    words = head[:64].split(b" ", 2)
    code = words[1] if len(words) > 1 else b""
    return int(code) if len(code) == 3 and code.isdigit() else 0
