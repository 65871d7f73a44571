"""The provider's account: a quota, what a refusal says, and the lock after too many refusals."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

from twin.scenario.tools import Provider
from twin.tools.quota import SECONDS_PER_D, Quota

WRONG = 0.1
"""A wrong Retry-After is this share of the truth: whoever believes it comes back too early."""


@dataclass(frozen=True)
class Refusal:
    """A call that the provider does not answer."""

    code: Literal["rate_limited", "account_locked"]
    retry_after_s: float | None


class Account:
    """One account for all agents; times are simulated days."""

    def __init__(self, quota: int, settings: Provider) -> None:
        self.locks = 0
        self._quota = Quota(quota)
        self._settings = settings
        self._refused: deque[float] = deque(maxlen=settings.lock_after)
        self._locked_until = 0.0

    def refusal(self, now_d: float) -> Refusal | None:
        """None, and the call counts; or why it is refused."""
        if now_d < self._locked_until:
            wait_s = (self._locked_until - now_d) * SECONDS_PER_D
            return Refusal("account_locked", self._said(wait_s))
        wait = self._quota.wait_s(now_d)
        if wait is None:
            return None
        self._count(now_d)
        return Refusal("rate_limited", self._said(wait))

    def _count(self, now_d: float) -> None:
        """Lock the account when ``lock_after`` refusals lie within the window."""
        settings = self._settings
        if settings.lock_after is None:
            return
        self._refused.append(now_d)
        full = len(self._refused) == settings.lock_after
        if full and now_d - self._refused[0] <= settings.lock_window:
            self.locks += 1
            self._locked_until = now_d + settings.lock_for
            self._refused.clear()

    def _said(self, wait_s: float) -> float | None:
        """The Retry-After of a refusal, in seconds."""
        match self._settings.retry_after:
            case "honest":
                return wait_s
            case "absent":
                return None
        return WRONG * wait_s
