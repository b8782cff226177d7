"""Which control rooms are due the answer of an incident: asked when it is opened, in the same atomic write. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.base import Cause
from service.record.manifest import Incident
from service.record.records import OpenRecord
from service.store.port import Delivery
from service.sync.due import Due, Dues
from service.sync.members import Member

KIND = "control-room"


@dataclass(frozen=True, slots=True)
class RoomsTold:
    """Names, for each incident that begins, the rooms of the organisation that attends. `dues` seal what waits.

    Whether there is an answer, and for whom, is decided when it is sent. An incident about somebody whose NHS number is
    not known has none: nobody is opened by where they live or what is told of them (hazard H2).
    """

    members: Sequence[Member]
    dues: Dues

    def __call__(self, register: OpenRecord, begun: Incident) -> tuple[Delivery, ...]:
        """Return a delivery for each room; `register` is the one that the commit changes."""
        if begun.about is not None:
            return ()
        return tuple(
            self.dues.delivery(Due(member.name, register.record_id, register.following, Cause.INCIDENT, begun.opened))
            for member in self.members
            if member.description.kind == KIND and member.organisation == begun.organisation
        )
