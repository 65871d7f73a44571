"""network.account_lock: the provider locks the account; every call is refused for a while."""

from __future__ import annotations

from typing import ClassVar, Literal

from stress.catalogue.base import Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.outages import OutageFault, OutageLayer
from twin.tools.catalogue import error_answer
from twin.tools.channel import Transit
from twin.tools.quota import SECONDS_PER_D


class AccountLock(OutageFault):
    """Refuse every call in spells, as a provider does that has refused too many before."""

    family: ClassVar[str] = "network.account_lock"
    retry_after: Literal["honest", "absent", "wrong"] = "honest"
    """What a refusal says about when to come back: the truth, nothing, or at once."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that refuses in the provider's name."""
        return _LockLayer(self, severity, window)


class _LockLayer(OutageLayer):
    def __init__(self, fault: AccountLock, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self._retry_after = fault.retry_after
        self._refused: dict[tuple[str, int], float] = {}

    def request(self, transit: Transit, body: bytes) -> bytes | None:
        """Keep the request from the server while the account is locked."""
        end = self.spell_end(transit)
        if end is None:
            return body
        self._refused[transit.call, transit.attempt] = end
        return b""

    def answer(self, transit: Transit, body: bytes) -> bytes | None:
        end = self._refused.pop((transit.call, transit.attempt), None)
        if end is None:
            return body
        self.fired += 1
        wait_s = self._said(max(end - transit.sent_at, 0.0) * SECONDS_PER_D)
        return error_answer(transit.call, transit.tool, "account_locked", "locked", wait_s)

    def _said(self, wait_s: float) -> float | None:
        if self._retry_after == "absent":
            return None
        return wait_s if self._retry_after == "honest" else 0.0
