"""A change reaches a partner that it concerns, as far as the rules let it, once, and what ends is taken back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from security.principal import Role
from service.record.changes import Change, Method
from service.record.derive import references_in
from tests.service.record.house import delete, doctor, person, update
from tests.service.sync.consents import refusal
from tests.service.sync.messages import allergy as said
from tests.service.sync.partner import member
from tests.service.sync.world import world


async def test_a_plan_reaches_the_partner_that_cares_for_the_person(keys_home: Path, tmp_path: Path) -> None:
    """All that its system may have goes over, whom it points at first, and nothing waits after that."""
    async with world(keys_home, tmp_path, member()) as opened:
        number, bundle = person(1, place="hospice")
        await opened.house.post(bundle)
        await opened.run()
        place = opened.places["hospice"]
        assert [effect for effect, _ in place.effects] == ["put"] * len(place.effects)
        (parcel,) = place.parcels
        seen: set[str] = set()
        for put in parcel.puts:
            pointed = set(references_in(put.resource)) & {one.reference for one in parcel.puts}
            assert pointed <= seen, "nothing points at what comes later"
            seen.add(put.reference)
        assert any(reference.startswith("Observation/") for _, reference in place.effects)
        record = await opened.house.record_of(number)
        assert set(place.here) <= set(record.entries)
        assert await opened.waiting() == 0
        state = await opened.state()
        assert state.given == len(place.effects)
        assert state.last_success


async def test_a_change_sends_what_changed_and_nothing_else(keys_home: Path, tmp_path: Path) -> None:
    """The second parcel has the one resource in it that is another than before."""
    async with world(keys_home, tmp_path, member()) as opened:
        number, bundle = person(2, place="hospice")
        references = await opened.house.post(bundle)
        await opened.run()
        place = opened.places["hospice"]
        changed = next(one for one in references if one.startswith("Observation/") and one in place.here)
        resource = await opened.house.read(changed)
        await opened.house.write(update(changed, 1, {**resource, "note": [{"text": "Said again today"}]}))
        before = len(place.effects)
        await opened.run()
        assert place.effects[before:] == [("put", changed)]
        whole = {f"{one['resourceType']}/{one['id']}": one for one in place.parcels[-1].plan}
        assert whole.keys() == place.here.keys(), "who carries a plan whole has all of it at hand"
        record = await opened.house.record_of(number)
        addresses = {parcel.address for parcel in place.parcels}
        assert len(addresses) == 1, "the address of a plan does not change with it"
        assert opened.dues.behind("hospice", addresses.pop()) == (record.record_id,)
        assert whole[changed]["note"] == [{"text": "Said again today"}]
        assert place.now(changed)["note"] == [{"text": "Said again today"}]


async def test_nobody_else_hears_of_it(keys_home: Path, tmp_path: Path) -> None:
    """A partner whose organisation has nothing to do with the person is due nothing."""
    async with world(keys_home, tmp_path, member("elsewhere", "ZZHSP2")) as opened:
        _, bundle = person(3, place="hospice")
        await opened.house.post(bundle)
        await opened.run()
        assert await opened.waiting() == 0
        assert not opened.places["elsewhere"].parcels


async def test_what_is_deleted_here_is_removed_there(keys_home: Path, tmp_path: Path) -> None:
    """A deletion is a removal at whoever got it from us."""
    async with world(keys_home, tmp_path, member()) as opened:
        _, bundle = person(4, place="hospice")
        references = await opened.house.post(bundle)
        await opened.run()
        place = opened.places["hospice"]
        gone = next(one for one in references if one.startswith("MedicationRequest/") and one in place.here)
        await opened.house.write(delete(gone, 1))
        await opened.run()
        assert gone not in place.here
        assert place.effects[-1] == ("remove", gone)


async def test_the_system_that_wrote_it_does_not_hear_of_it(keys_home: Path, tmp_path: Path) -> None:
    """A change is not echoed to its source, but told to the other systems of the same organisation."""
    async with world(keys_home, tmp_path, member(), member("day-centre", "ZZHSP1")) as opened:
        _, bundle = person(5, place="hospice")
        references = await opened.house.post(bundle)
        await opened.run()
        place, other = opened.places["hospice"], opened.places["day-centre"]
        changed = next(one for one in references if one.startswith("MedicationRequest/") and one in place.here)
        resource = await opened.house.read(changed)
        author = opened.members["hospice"].caller("request-of-the-hospice")
        said = {**resource, "note": [{"text": "Said at the hospice"}]}
        await opened.house.write(update(changed, 1, said), caller=author)
        parcels = len(place.parcels)
        await opened.run()
        assert len(place.parcels) == parcels
        assert other.now(changed)["note"] == said["note"]


async def test_withdrawing_consent_takes_back_what_was_given(keys_home: Path, tmp_path: Path) -> None:
    """After a refusal nothing more is sent, and what came from us is removed, also what had waited before it."""
    async with world(keys_home, tmp_path, member()) as opened:
        _, bundle = person(6, place="hospice")
        references = await opened.house.post(bundle)
        await opened.run()
        place = opened.places["hospice"]
        given = len(place.here)
        assert given
        changed = next(one for one in references if one.startswith("MedicationRequest/"))
        medicine = await opened.house.read(changed)
        await opened.house.write(update(changed, 1, {**medicine, "note": [{"text": "Not for the hospice"}]}))
        await opened.house.write(await refusal(opened, references, "ZZHSP1"))
        await opened.run()
        assert place.here == {}
        assert [effect for effect, _ in place.effects[given:]] == ["remove"] * given
        state = await opened.state()
        assert state.removed == given


async def test_a_system_that_takes_a_person_on_is_given_what_is_here(keys_home: Path, tmp_path: Path) -> None:
    """It wrote the taking on, and knows nothing of the plan; what it writes afterwards it knows."""
    other = member("elsewhere", "ZZHSP2")
    async with world(keys_home, tmp_path, other) as opened:
        number, bundle = person(4, place="home")
        await opened.house.post(bundle)
        await opened.run()
        assert not opened.places["elsewhere"].parcels
        patient = next(one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == "Patient")
        known = {name: patient[name] for name in ("resourceType", "identifier", "name", "birthDate")}
        nurse = doctor("ZZHSP2", Role.HOSPICE)
        own = replace(nurse, principal=replace(nurse.principal, client_id=other.client.client_id))
        await opened.house.write(Change(Method.CREATE, "Patient", "Patient", known), caller=own)
        await opened.run()
        place = opened.places["elsewhere"]
        assert any(reference.startswith("Observation/") for _, reference in place.effects)
        before = len(place.effects)
        allergy = {**said("Nickel"), "patient": {"reference": (await opened.house.record_of(number)).manifest.patient}}
        await opened.house.write(Change(Method.CREATE, "AllergyIntolerance", "AllergyIntolerance", allergy), caller=own)
        await opened.run()
        assert len(place.effects) == before
