"""A TCP proxy on loopback between client and server, with toxics on its connections.

Bounded in connections and in time: a connection more is turned away, one that lasts too long is
closed. Which connections a toxic hits is drawn from its own named stream and the connection's
number, so that the same calls in the same order meet the same trouble.
"""

from __future__ import annotations

import math
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from stress.catalogue.luck import Draw
from stress.wire.toxics import Effect, Piece, Stream, Toxic
from twin.exogenous.streams import stream

MAX_CONNECTIONS = 64
CONNECTION_S = 60.0
"""No connection lives longer."""
CONNECT_S = 5.0
_CHUNK = 65_536
_POLL_S = 0.1
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: on, for no time at all, so that closing sends a reset."""


class ToxicProxy:
    """Listens while its block lasts and passes connections on to ``target``."""

    def __init__(self, target: tuple[str, int], toxics: Sequence[Toxic], seed: int) -> None:
        self.fired: Counter[str] = Counter()
        self.connections = 0
        self.turned_away = 0
        self._target = target
        self._toxics = tuple(toxics)
        self._keys = [
            stream(seed, f"wire/{place}/{toxic.name}").bytes(32)
            for place, toxic in enumerate(self._toxics)
        ]
        self._stop = threading.Event()
        self._open: dict[int, _Connection] = {}
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=MAX_CONNECTIONS)
        self._listener.settimeout(_POLL_S)
        self._thread = threading.Thread(target=self._accept, name="toxic-proxy")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port on which it listens."""
        host, port = self._listener.getsockname()[:2]
        return str(host), int(port)

    def __enter__(self) -> ToxicProxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening and close every connection, at once."""
        self._stop.set()
        self._thread.join()
        self._listener.close()
        for connection in list(self._open.values()):
            connection.close()
            connection.join()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                self._tidy()
                continue
            except OSError:
                return
            self._tidy()
            self._begin(client)

    def _begin(self, client: socket.socket) -> None:
        if len(self._open) >= MAX_CONNECTIONS:
            self.turned_away += 1
            client.close()
            return
        number = self.connections
        self.connections += 1
        try:
            server = socket.create_connection(self._target, CONNECT_S)
        except OSError:
            client.close()
            return
        effects = self._effects(number)
        connection = _Connection(client, server, effects["upstream"], effects["downstream"])
        self._open[number] = connection
        connection.start()

    def _effects(self, number: int) -> dict[Stream, list[Effect]]:
        """What hits one connection, by direction."""
        found: dict[Stream, list[Effect]] = {"upstream": [], "downstream": []}
        for key, toxic in zip(self._keys, self._toxics, strict=True):
            draw = Draw(key, str(number))
            if draw.uniform() < toxic.toxicity:
                self.fired[toxic.name] += 1
                found[toxic.stream].append(toxic.effect(draw))
        return found

    def _tidy(self) -> None:
        """Forget what is over, close what lasts too long."""
        for number, connection in list(self._open.items()):
            if connection.is_over:
                connection.join()
                del self._open[number]
            elif time.monotonic() - connection.since > CONNECTION_S:
                connection.close()


class _Connection:
    """One client, one server, a pump for each direction."""

    def __init__(
        self,
        client: socket.socket,
        server: socket.socket,
        upstream: list[Effect],
        downstream: list[Effect],
    ) -> None:
        self.since = time.monotonic()
        self._client = client
        self._server = server
        self._gone = threading.Event()
        self._resets = False
        for end in (client, server):
            end.settimeout(CONNECTION_S)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pumps = (
            threading.Thread(target=self._pump, args=(client, server, upstream, True)),
            threading.Thread(target=self._pump, args=(server, client, downstream, False)),
        )

    def start(self) -> None:
        """Begin to pass bytes."""
        for pump in self._pumps:
            pump.start()

    def join(self) -> None:
        """Wait for the end of both directions."""
        for pump in self._pumps:
            pump.join()

    @property
    def is_over(self) -> bool:
        """Whether both directions have ended."""
        return not any(pump.is_alive() for pump in self._pumps)

    def close(self) -> None:
        """End both directions; pauses end too."""
        self._gone.set()
        # A reset must not be announced by an orderly end: only the reading side is woken then.
        _shut(self._client, socket.SHUT_RD if self._resets else socket.SHUT_RDWR)
        _shut(self._server, socket.SHUT_RDWR)

    def _pump(
        self, source: socket.socket, sink: socket.socket, effects: list[Effect], up: bool
    ) -> None:
        """Pass bytes one way; a client that goes, or a server that is done, ends both ways."""
        try:
            broken = self._pass_on(source, sink, effects)
        except OSError:
            broken = True
        ended = any(effect.over for effect in effects)
        if not broken and (ended or not up):
            self._wait(sum(effect.linger_s for effect in effects))
        if any(effect.over and effect.reset for effect in effects):
            self._resets = True
            self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.close()
        if not up:
            self._pumps[0].join()
            self._client.close()
            self._server.close()

    def _pass_on(self, source: socket.socket, sink: socket.socket, effects: list[Effect]) -> bool:
        """Pass bytes until they end or an effect ends them; whether somebody had gone."""
        while data := source.recv(_CHUNK):
            pieces: list[Piece] = [(0.0, data)]
            for effect in effects:
                pieces = [p for wait, part in pieces for p in effect.pieces(wait, part)]
            for wait_s, piece in pieces:
                if self._wait(wait_s):
                    return True
                sink.sendall(piece)
            if any(effect.over for effect in effects):
                return False
        return False

    def _wait(self, seconds: float) -> bool:
        """Pause; True at once when the client has gone or the proxy stops."""
        return self._gone.wait(None if math.isinf(seconds) else seconds) if seconds else False


def _shut(end: socket.socket, how: int) -> None:
    """Wake whoever waits for this end; one that has gone needs no waking."""
    with suppress(OSError):
        end.shutdown(how)
