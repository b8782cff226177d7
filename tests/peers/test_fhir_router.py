"""Partner kind `fhir` against a FHIR server that is not ours: @medplum/fhir-router on its repository in memory."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

import adapters
from adapters.base import Whom
from adapters.errors import ChangedThere, OtherPerson, PersonUnknown
from tests.adapters.fhir_world import Json, Ledger, observation, patient, speaking_to
from tests.peers.fhir_router import HOW_TO_GET, available, fhir_router

pytestmark = [pytest.mark.peer, pytest.mark.skipif(not available(), reason=HOW_TO_GET)]

OID = "urn:oid:2.16.840.1.113883.2.1.4.1"
MAPPINGS = Path(adapters.__path__[0]) / "mappings"
CPR = {"coding": [{"system": "http://snomed.info/sct", "code": "304251008"}]}
NOT_FOR_CPR = {
    "system": "http://snomed.info/sct",
    "code": "450476008",
    "display": "Not for cardiopulmonary resuscitation (finding)",
}


class Peer:
    """The server as one of its own users sees it."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._client = httpx.Client(timeout=30)

    def add(self, resource: Json) -> str:
        """Create a resource and return its reference."""
        answer = self._client.post(f"{self.base}/{resource['resourceType']}", json=resource)
        assert answer.status_code == 201, answer.text
        return f"{resource['resourceType']}/{answer.json()['id']}"

    def read(self, reference: str) -> httpx.Response:
        """Read a resource."""
        return self._client.get(f"{self.base}/{reference}")

    def change(self, reference: str, **members: Any) -> None:
        """Change a resource."""
        changed = {**self.read(reference).json(), **members}
        assert self._client.put(f"{self.base}/{reference}", json=changed).status_code == 200

    def all(self, kind: str) -> list[Json]:
        """Return everything of a type."""
        found = self._client.get(f"{self.base}/{kind}?_count=1000").json()
        return [entry["resource"] for entry in found.get("entry", ())]

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with fhir_router() as found:
        yield found


@pytest.fixture
def peer(base: str) -> Iterator[Peer]:
    found = Peer(base)
    yield found
    found.close()


def numbered(value: str, **changed: Any) -> Json:
    """Return a Patient with an NHS number of their own."""
    system = "https://fhir.nhs.uk/Id/nhs-number"
    return patient(identifier=[{"system": system, "value": value}], **changed)


async def test_a_person_is_made_known_once_and_then_found(peer: Peer) -> None:
    ada = numbered("9990000018")
    first, second = Ledger(), Ledger()
    async with speaking_to(peer.base) as cautious:
        with pytest.raises(PersonUnknown):
            await first.give(cautious, first.parcel(observation(), patient=ada))
    async with speaking_to(peer.base, patients="create") as partner:
        await first.give(partner, first.parcel(ada, observation(), patient=ada))
        await second.give(partner, second.parcel(ada, observation(), patient=ada))
        with pytest.raises(OtherPerson):
            await Ledger().give(partner, Ledger().parcel(ada, patient=numbered("9990000018", birthDate="1900-01-01")))
    assert first.held["Patient/p1"].made
    assert not second.held["Patient/p1"].made
    assert len(peer.all("Patient")) == 1
    assert len(peer.all("Observation")) == 1, "the same resource of ours is there once"


async def test_changes_and_removals_reach_it_in_their_order(peer: Peer) -> None:
    bob = numbered("9990000026")
    ledger = Ledger()
    async with speaking_to(peer.base, patients="create", write_notes=True) as partner:
        weight = observation(id="w1", valueQuantity={"value": Decimal("71.50"), "unit": "kg"})
        del weight["valueString"]
        await ledger.give(partner, ledger.parcel(bob, weight, notes=("New: weight",), patient=bob))
        there = ledger.held["Observation/w1"].theirs
        lost = ledger.held["Observation/w1"]
        weight = {**weight, "valueQuantity": {"value": Decimal("70.10"), "unit": "kg"}}
        await ledger.give(partner, ledger.parcel(weight, patient=bob))
        assert peer.read(there).json()["valueQuantity"]["value"] == 70.1
        newest = ledger.held["Observation/w1"]

        # as after an answer that was lost: we do not know the version that our own last word made
        ledger.held["Observation/w1"] = lost
        await ledger.give(partner, ledger.parcel(weight, patient=bob))
        assert ledger.held["Observation/w1"].version == newest.version
        ledger.held["Observation/w1"] = lost
        await ledger.give(partner, ledger.parcel({**weight, "status": "amended"}, patient=bob))
        assert peer.read(there).json()["status"] == "amended"

        peer.change(there, valueQuantity={"value": 80, "unit": "kg"})
        with pytest.raises(ChangedThere):
            await ledger.give(partner, ledger.parcel({**weight, "status": "final"}, patient=bob))
        assert peer.read(there).json()["valueQuantity"]["value"] == 80

        await ledger.give(partner, ledger.parcel(observation(id="o5"), patient=bob))
        gone = ledger.held["Observation/o5"].theirs
        await ledger.give(partner, ledger.parcel(gone=("Observation/o5",), patient=bob))
        assert peer.read(gone).status_code in (404, 410)
    [note] = peer.all("Communication")
    assert note["payload"] == [{"contentString": "New: weight"}]
    assert note["subject"]["reference"] == ledger.held["Patient/p1"].theirs


async def test_a_dialect_goes_out_and_comes_back(peer: Peer) -> None:
    cleo = numbered("9990000034")
    decision = observation(id="c1", code=CPR, valueCodeableConcept={"coding": [NOT_FOR_CPR]})
    del decision["valueString"]
    ledger = Ledger()
    known: dict[str, Any] = {"patients": "create", "types": ["Observation"], "mapping": "hospice-example.json"}
    async with speaking_to(peer.base, MAPPINGS, **known) as partner:
        await ledger.give(partner, ledger.parcel(cleo, decision, patient=cleo))
        there = ledger.held["Observation/c1"].theirs
        stored = peer.read(there).json()
        assert stored["valueCodeableConcept"]["coding"] == [
            {"system": "https://hospice.example.org/codes/resus", "code": "R-NO", "display": "Do not attempt CPR"}
        ]
        assert peer.read(ledger.held["Patient/p1"].theirs).json()["identifier"][0]["system"] == OID

        cursor = ""
        [message] = [one for one in (await partner.poll(cursor)).messages if one.id.startswith(there)]
        [arrived] = partner.arrived(message)
        assert arrived.whom == Whom("9990000034", "Invented", "1941-05-02")
        assert arrived.resource is not None
        assert arrived.resource["valueCodeableConcept"] == {"coding": [NOT_FOR_CPR]}
        assert "meta" not in arrived.resource
        assert "identifier" not in arrived.resource

        changed = [{"system": "https://hospice.example.org/codes/resus", "code": "R-YES"}]
        peer.change(there, valueCodeableConcept={"coding": changed})
        cursor = (await partner.poll("")).cursor
        [message] = [one for one in (await partner.poll(cursor)).messages if one.id.startswith(there)]
        [arrived] = partner.arrived(message)
        assert arrived.resource is not None
        assert arrived.resource["valueCodeableConcept"]["coding"][0]["code"] == "450475007"
        assert arrived.version != ledger.held["Observation/c1"].version

        [same] = await partner.of_person(arrived.whom)
        assert partner.arrived(same)[0].version == arrived.version
