"""Reports that a partner leaves at our door (kind `itk-111`): written down as they came, and then the engine's.

Above this file nobody knows what protocol they come in: an answer and a fault are bytes to the door.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from adapters.itk_111 import KIND, DifferentReport, Full, settings_of, store_report
from adapters.itk_111_envelope import InvalidEnvelope, accepted, fault
from adapters.notes import Notes
from adapters.safe_xml import MOST_BYTES
from service.sync.members import Member

__all__ = ["MOST_BYTES", "ReportRefused", "Reports", "TooManyWait", "fault"]


class ReportRefused(Exception):
    """It is no report that we take; `why` is a plain sentence that repeats nothing of it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class TooManyWait(Exception):
    """So much waits for the engine that no more is taken now."""


@dataclass(frozen=True, slots=True)
class Reports:
    """Takes them. `members` are the partners that leave reports, by their clients; `notes` those of a partner."""

    members: Mapping[str, Member]
    notes: Callable[[str], Notes] = field(repr=False)

    @classmethod
    def of(cls, members: Iterable[Member], notes: Callable[[str], Notes]) -> Reports:
        """Return that of a service."""
        return cls({one.client.client_id: one for one in members if one.description.kind == KIND}, notes)

    async def store(self, member: Member, body: bytes) -> bytes:
        """Write a report down, durable when this returns; return the answer. Raise ReportRefused, TooManyWait."""
        try:
            return accepted(await store_report(self.notes(member.name), settings_of(member.partner), body))
        except InvalidEnvelope as problem:
            raise ReportRefused(problem.why) from None
        except DifferentReport:
            raise ReportRefused("Another report has this trackingid.") from None
        except Full:
            raise TooManyWait from None
