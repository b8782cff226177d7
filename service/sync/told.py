"""Which partners a commit is due to: the subscriber that sync puts into every write. Pure, as subscribers are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from adapters.base import Cause
from security.clock import Clock, instant
from security.localities import Policies
from service.record.records import OpenRecord
from service.record.subscribers import Committing
from service.store.port import Delivery
from service.sync.causes import cause_of, sharing_changed
from service.sync.due import REMOVALS, Due, Dues
from service.sync.members import Member


@dataclass(frozen=True, slots=True)
class PartnersTold:
    """Names, for each commit, the partners that may be concerned. Whether they get anything is decided at sending.

    A partner is concerned if it was before or is after the commit: what ends has to reach whoever it ends for. The
    system that wrote it is left out, for it knows; not the others of its organisation, and not when it takes the person
    on by what it wrote: then it knows nothing of what is here.
    """

    members: Sequence[Member]
    dues: Dues
    policies: Policies
    clock: Clock

    def __call__(self, committing: Committing) -> Iterator[Delivery]:
        """Return a delivery for each partner that is concerned."""
        concerned = [member for member in self.members if self._concerns(member, committing)]
        record, sequence = committing.after.record_id, committing.after.sequence
        if sharing_changed(committing):
            yield self.dues.delivery(Due(REMOVALS, record, sequence, Cause.WITHDRAWAL, instant(self.clock())))
        if not concerned:
            return
        cause, committed = cause_of(committing), instant(self.clock())
        for member in concerned:
            ended = (
                cause.rank and self._related(member, committing.before) and not self._related(member, committing.after)
            )
            yield self.dues.delivery(
                Due(member.name, record, sequence, Cause.WITHDRAWAL if ended else cause, committed)
            )

    def _concerns(self, member: Member, committing: Committing) -> bool:
        before, after = self._related(member, committing.before), self._related(member, committing.after)
        if not member.description.gets or (before and committing.author.client == member.client.client_id):
            return False
        return before or after

    def _related(self, member: Member, record: OpenRecord) -> bool:
        if member.description.people == "related":
            return member.organisation in record.manifest.relations
        governing = self.policies.governing(record.manifest.places_of_care)
        return bool(record.sequence) and member.description.locality in ("", governing.id)
