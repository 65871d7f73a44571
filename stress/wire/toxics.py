"""What goes wrong with one connection: toxiproxy's toxics (and netem's corrupt), on real bytes.

    latency     the first bytes come later, by latency +- jitter
    bandwidth   bytes pass at a rate
    slicer      bytes pass in pieces, with a pause before each but the first
    slow_close  the end of the connection comes later
    timeout     no byte passes; after ``timeout_s`` the connection closes, with 0 it hangs
    reset_peer  after ``timeout_s`` the connection is reset
    limit_data  after ``bytes`` bytes the connection closes
    corrupt     ``bits`` bits of each chunk turn over

``toxicity`` is the share of the connections that are hit. Times are wall seconds.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from stress.catalogue.luck import Draw

Stream = Literal["upstream", "downstream"]
Piece = tuple[float, bytes]
"""Seconds to wait, and the bytes to pass then."""
MOST_PIECES = 100_000
"""Pieces that one chunk is sliced into at most."""


class Effect:
    """What a toxic does to one connection; the base does nothing."""

    linger_s = 0.0
    """Seconds between the last byte and the close; infinity never closes."""
    over = False
    """Whether the connection ends here."""
    reset = False
    """Whether it ends with a reset."""

    def pieces(self, wait_s: float, data: bytes) -> Iterator[Piece]:
        """What becomes of some bytes."""
        yield wait_s, data


@dataclass(frozen=True)
class Toxic:
    """One kind of trouble."""

    name: ClassVar[str]
    toxicity: float = 1.0
    """Share of the connections that are hit, 0 to 1."""
    stream: Stream = "downstream"
    """upstream: requests; downstream: answers."""

    @abstractmethod
    def effect(self, draw: Draw) -> Effect:
        """What it does to one connection, with that connection's luck."""


@dataclass(frozen=True)
class Latency(Toxic):
    """Bytes come late."""

    name: ClassVar[str] = "latency"
    latency_s: float = 0.0
    jitter_s: float = 0.0

    def effect(self, draw: Draw) -> Effect:
        """Later by ``latency_s`` +- ``jitter_s``, uniformly."""
        return _Late(max(0.0, self.latency_s + self.jitter_s * (2 * draw.uniform() - 1)))


class _Late(Effect):
    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s

    def pieces(self, wait_s: float, data: bytes) -> Iterator[Piece]:
        yield wait_s + self._wait_s, data
        self._wait_s = 0.0


@dataclass(frozen=True)
class Bandwidth(Toxic):
    """Bytes pass slowly."""

    name: ClassVar[str] = "bandwidth"
    rate: float = 64_000.0
    """Bytes per second."""

    def effect(self, draw: Draw) -> Effect:
        """As late as the rate makes them."""
        return _Slow(self.rate)


class _Slow(Effect):
    def __init__(self, rate: float) -> None:
        self._rate = rate

    def pieces(self, wait_s: float, data: bytes) -> Iterator[Piece]:
        yield wait_s + len(data) / self._rate, data


@dataclass(frozen=True)
class Slicer(Toxic):
    """Bytes trickle."""

    name: ClassVar[str] = "slicer"
    average_size: int = 64
    size_variation: int = 32
    delay_s: float = 0.0

    def effect(self, draw: Draw) -> Effect:
        """In pieces of ``average_size`` +- ``size_variation`` bytes."""
        spread = self.size_variation * (2 * draw.uniform() - 1)
        return _Sliced(max(1, round(self.average_size + spread)), self.delay_s)


class _Sliced(Effect):
    def __init__(self, size: int, delay_s: float) -> None:
        self._size = size
        self._delay_s = delay_s

    def pieces(self, wait_s: float, data: bytes) -> Iterator[Piece]:
        size = max(self._size, len(data) // MOST_PIECES)
        for start in range(0, len(data), size):
            yield wait_s if start == 0 else self._delay_s, data[start : start + size]


@dataclass(frozen=True)
class SlowClose(Toxic):
    """The connection closes late."""

    name: ClassVar[str] = "slow_close"
    delay_s: float = 0.0

    def effect(self, draw: Draw) -> Effect:
        """The close, and with it the end of the answer, ``delay_s`` later."""
        effect = Effect()
        effect.linger_s = self.delay_s
        return effect


@dataclass(frozen=True)
class Timeout(Toxic):
    """Nothing passes."""

    name: ClassVar[str] = "timeout"
    timeout_s: float = 0.0

    def effect(self, draw: Draw) -> Effect:
        """Silence for ``timeout_s``, then the close; with 0 for as long as the caller waits."""
        return _Ended(self.timeout_s or float("inf"), reset=False)


@dataclass(frozen=True)
class ResetPeer(Toxic):
    """The connection is reset."""

    name: ClassVar[str] = "reset_peer"
    timeout_s: float = 0.0

    def effect(self, draw: Draw) -> Effect:
        """A reset ``timeout_s`` after the first bytes, none of which passes."""
        return _Ended(self.timeout_s, reset=True)


class _Ended(Effect):
    def __init__(self, after_s: float, reset: bool) -> None:
        self.linger_s = after_s
        self.reset = reset

    def pieces(self, wait_s: float, data: bytes) -> Iterator[Piece]:
        self.over = True
        yield from ()


@dataclass(frozen=True)
class LimitData(Toxic):
    """The connection closes too early."""

    name: ClassVar[str] = "limit_data"
    bytes: int = 64

    def effect(self, draw: Draw) -> Effect:
        """Closed after ``bytes`` bytes, those of HTTP's head included."""
        return _Limited(self.bytes)


class _Limited(Effect):
    def __init__(self, left: int) -> None:
        self._left = left

    def pieces(self, wait_s: float, data: bytes) -> Iterator[Piece]:
        if self._left:
            yield wait_s, data[: self._left]
        self._left -= min(self._left, len(data))
        self.over = self._left == 0


@dataclass(frozen=True)
class Corrupt(Toxic):
    """Bits turn over."""

    name: ClassVar[str] = "corrupt"
    bits: int = 1

    def effect(self, draw: Draw) -> Effect:
        """``bits`` bits of each chunk, anywhere in it."""
        return _Corrupted(self.bits, draw)


class _Corrupted(Effect):
    def __init__(self, bits: int, draw: Draw) -> None:
        self._bits = bits
        self._draw = draw

    def pieces(self, wait_s: float, data: bytes) -> Iterator[Piece]:
        spoilt = bytearray(data)
        for _ in range(self._bits if data else 0):
            place = self._draw.below(8 * len(spoilt))
            spoilt[place // 8] ^= 1 << place % 8
        yield wait_s, bytes(spoilt)
