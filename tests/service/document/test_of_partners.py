"""What a partner's document is made of: what the engine released for it at that moment, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.base import Adapter
from adapters.surroundings import Surroundings
from service import syncing
from service.document.plan import PlanDocument
from service.document.press import NoFonts
from service.record.changes import Change
from service.syncing import plan_document_of
from tests.journeys.people import keeping_from
from tests.service.document.reading import pages_of
from tests.service.record.house import house, person, update
from tests.service.sync.consents import sharing_consent
from tests.service.sync.partner import member
from tests.service.sync.world import World, world


async def closing(opened: World, references: list[str], organisation: str, section: str) -> Change:
    """Return the change by which the person keeps a section from an organisation."""
    consent = await sharing_consent(opened, references)
    said = await opened.house.read(consent)
    provision = {"type": "permit", "provision": [keeping_from(organisation, section)]}
    return update(consent, 1, {**said, "dateTime": opened.time.now.isoformat(), "provision": provision})


async def test_a_section_that_the_person_keeps_from_it_is_not_in_its_document(keys_home: Path, tmp_path: Path) -> None:
    async with world(keys_home, tmp_path, member()) as opened:
        _, bundle = person(41, place="hospice")
        references = await opened.house.post(bundle)
        await opened.run()
        made = plan_document_of(opened.house.opened)
        assert made is not None
        place = opened.places["hospice"]
        before = " ".join(pages_of(await made(place.parcels[-1].plan)))
        assert "DO NOT ATTEMPT CPR" in before
        assert "Diagnoses" in before
        await opened.house.write(await closing(opened, references, "ZZHSP1", "diagnoses"))
        await opened.run()
        after = " ".join(pages_of(await made(place.parcels[-1].plan)))
        assert "DO NOT ATTEMPT CPR" in after
        assert "Diagnoses" not in after


async def test_adapters_are_given_what_makes_documents(
    keys_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Surroundings] = []

    def adapters_of(members: object, surroundings: Surroundings) -> dict[str, Adapter]:
        given.append(surroundings)
        return {}

    monkeypatch.setattr(syncing, "adapters_of", adapters_of)
    async with house(keys_home, tmp_path / "records.sqlite") as opened:
        syncing.engine_of(opened.opened, opened.services)
        assert isinstance(given[0].document, PlanDocument)
        monkeypatch.setattr(syncing, "Press", _no_press)
        syncing.engine_of(opened.opened, opened.services)
        assert given[1].document is None, "without fonts there are none"


def _no_press() -> None:
    raise NoFonts
