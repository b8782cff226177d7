"""One circuit for each partner: after some failures in a row nothing is sent but a probe now and then. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from adapters.partners import Limits
from service.sync.retry import pause

OPENS_AFTER = 5
"""Failures in a row, of the kind that says that the system as a whole is away."""


@dataclass(slots=True)
class Circuit:
    """Whether a partner may be spoken to. Times are seconds of one clock, whichever the caller takes."""

    limits: Limits
    part: Callable[[], float]
    failures: int = 0
    reason: str = ""
    retry_at: float = 0.0
    probing: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it is open: only probes go through."""
        return bool(self.reason)

    def lets_through(self, now: float) -> bool:
        """Say whether something may be sent now. While the circuit is open, one probe at a time and only when due."""
        return not self.is_open or (now >= self.retry_at and not self.probing)

    def begun(self) -> None:
        """Say that something is being sent."""
        self.probing = self.is_open

    def succeeded(self) -> None:
        """The partner answered as it should, or said no to one message: as a system it is there."""
        self.failures, self.reason, self.probing = 0, "", False

    def failed(self, now: float, reason: str, retry_after: float | None = None, *, at_once: bool = False) -> None:
        """The partner is away, overloaded, or accepts no sign-in (`at_once`: one such failure is enough)."""
        self.failures += 1
        self.probing = False
        if at_once or self.is_open or retry_after is not None or self.failures >= OPENS_AFTER:
            beyond = max(1, self.failures - OPENS_AFTER + 1)
            self.reason = reason
            self.retry_at = now + pause(beyond, self.limits, retry_after, self.part)

    def try_now(self) -> None:
        """Somebody says that the partner is back: the next thing sent is a probe."""
        self.retry_at = 0.0

    def given_up(self) -> None:
        """What was being sent came to nothing that tells of the partner."""
        self.probing = False
