"""What cannot be made again exactly is not shown: another policy, or a decision that comes out otherwise."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest

from security.audit import AuditEntry
from security.oversight import own_organisation
from security.principal import Purpose, Role
from service.record.access_log import AccessLog, LogQuestion
from service.record.as_given import AnswerAsGiven
from service.record.errors import NotAsGiven
from service.record.read import EmergencySummary
from service.record.records import OpenRecord
from tests.service.record.house import House, doctor, house, person

OFFICER = doctor("ZZGP01", Role.PRIVACY_OFFICER, Purpose.HCOMPL)


class Remembering(AccessLog):
    """A log that says of an entry what a test wants."""

    __slots__ = ()
    changed: ClassVar[dict[str, object]] = {}

    async def entry(self, record: OpenRecord, id: str, now: datetime) -> AuditEntry | None:
        """Return the entry as it is said to be."""
        found = await super().entry(record, id, now)
        return None if found is None else msgspec.structs.replace(found, **self.changed)


async def _asked(opened: House) -> tuple[AnswerAsGiven, str, str]:
    """Return the use case, a person who was asked about, and the entry of that."""
    number, bundle = person(71)
    await opened.post(bundle)
    operations = opened.services.operations
    access, now = opened.writing.access, opened.opened.clock()
    await operations.read_record(doctor("ZZGP01"), EmergencySummary(number, now, operations.style))
    log = opened.services.audit_events.log
    remembering = Remembering(log.access, log.seal, log.server, log.scope)
    record = await opened.record_of(number)
    entries = [one async for one in log.entries_about(record, now)]
    assert any(one.interaction == "$emergency-summary" for one in entries)
    found = await log(replace(OFFICER, at=now), LogQuestion(patient=record.manifest.patient))
    [event] = [one["id"] for one in found.events if "$emergency-summary" in str(one)]
    made = AnswerAsGiven(access, remembering, own_organisation, operations.style)
    return made, record.manifest.patient, f"AuditEvent/{event}"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"policy_hash": "another"}, "The sharing policy is another by now"),
        ({"rule": "2.5"}, "The decision cannot be made again"),
        ({"consents": ("Consent/1/_history/1",)}, "The decision cannot be made again"),
        ({"purpose": Purpose.HCOMPL.value}, "The decision cannot be made again"),
        ({"interaction": "read"}, "Only emergency answers"),
        ({"permitted": False}, "Only emergency answers"),
    ],
)
async def test_what_cannot_be_made_again_exactly_is_not_shown(
    keys_home: Path, tmp_path: Path, changed: dict[str, object], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(keys_home, tmp_path / "records.db") as opened:
        made, patient, event = await _asked(opened)
        assert (await made(OFFICER, patient, event)).answered.decision.permitted
        monkeypatch.setattr(Remembering, "changed", changed)
        with pytest.raises(NotAsGiven) as caught:
            await made(OFFICER, patient, event)
        assert caught.value.why.startswith(why)
