"""A second service of ours as FHIR partner: signed in with a private key, over TLS with certificates on both sides."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adapters.base import Whom
from adapters.errors import ContentRefused, NotAuthorised, OtherPerson, PersonUnknown, Unreachable
from adapters.fhir_partner import FhirPartner
from tests.adapters.certificates import Authority, tls_front
from tests.adapters.fhir_world import Json, Ledger, speaking_to
from tests.journeys.people import Person, person
from tests.running import Running

TYPES = ["Observation", "AllergyIntolerance"]
OURS = "https://first.example/fhir/R4"


def settings(service: Running, port: int, authority: Authority, folder: Path, **changed: Any) -> Json:
    """Return the settings of the second service as partner; its clients sign in as the demo hospice."""
    (folder / "hospice.jwk").write_bytes((service.settings.home / "demo-keys" / "demo-hospice.jwk").read_bytes())
    (folder / "hospice.jwk").chmod(0o600)
    client = authority.certify("first.example")
    return {
        "base": f"https://localhost:{port}/fhir/R4",
        "auth": {
            "token_url": f"{service.settings.base_url}/oauth2/token",
            "client_id": "demo-hospice",
            "key_file": "hospice.jwk",
        },
        "ca_file": authority.ca.name,
        "certificate_file": client.certificate.name,
        "key_file": client.key.name,
        "once": "idempotency-key",
        "patients": "create",
        "clinicians": "with-patient",
        "say_why": True,
        "types": TYPES,
        "page": 0,
        **changed,
    }


@pytest.fixture
async def front(service: Running, tmp_path: Path) -> AsyncIterator[tuple[int, Authority]]:
    authority = Authority(tmp_path)
    async with tls_front(service.settings.port, authority.certify("localhost"), authority.ca) as port:
        yield port, authority


def resources_of(someone: Person) -> dict[str, Json]:
    """Return a plan as this service would hold it: with ids and references of its own, by the name of each."""
    names = {
        entry["fullUrl"]: f"{entry['resource']['resourceType']}/ours-{number}"
        for number, entry in enumerate(someone.bundle["entry"])
    }
    found = {}
    for entry in someone.bundle["entry"]:
        text = json.dumps(entry["resource"])
        for urn, reference in names.items():
            text = text.replace(f'"{urn}"', f'"{reference}"')
        reference = names[entry["fullUrl"]]
        found[reference] = json.loads(text) | {"id": reference.partition("/")[2]}
    return found


def of_hospice(resources: dict[str, Json]) -> dict[str, Json]:
    """Return resources as the hospice's own: it may carry the decisions of its own clinicians alone."""
    return {name: json.loads(json.dumps(one).replace("ZZGP01", "ZZHSP1")) for name, one in resources.items()}


def first(resources: dict[str, Json], kind: str, code: str = "") -> Json:
    """Return the first of a type whose code, or whose text, has `code` in it."""
    return next(one for one in resources.values() if one["resourceType"] == kind and code in json.dumps(one))


async def test_a_plan_reaches_it_changes_there_and_is_taken_back(
    service: Running, front: tuple[int, Authority], tmp_path: Path
) -> None:
    someone = person(9_841)
    plan = of_hospice(resources_of(someone))
    patient, place, allergy = (first(plan, *what) for what in (("Patient",), ("Observation", "395091006"),
                                                               ("AllergyIntolerance",)))  # fmt: skip
    cpr, doctor, role = (first(plan, *what) for what in (("Observation", "304251008"), ("Practitioner",),
                                                         ("PractitionerRole",)))  # fmt: skip
    surgery = first(plan, "Organization")
    cpr["performer"] = [{"reference": f"PractitionerRole/{role['id']}", "display": "Dr Invented"}]
    ledger = Ledger(subject="person-9841")
    async with speaking_to(folder=tmp_path, our_base=OURS, **settings(service, *front, tmp_path)) as partner:
        parcel = ledger.parcel(patient, surgery, doctor, role, place, allergy, cpr, patient=patient)
        await ledger.give(partner, parcel)

        token = service.token("hospice", "ZZHSP1")
        there = service.call("GET", f"/{ledger.held[_name(cpr)].theirs}", token).json()
        assert there["valueCodeableConcept"]["coding"][0]["code"] == "450476008"
        assert there["performer"][0]["reference"] == ledger.held[_name(role)].theirs
        assert there["subject"]["reference"] == ledger.held[_name(patient)].theirs

        again = await ledger.give(partner, ledger.parcel(patient, surgery, doctor, role, place, patient=patient))
        assert [one.there for one in again] == [ledger.held[one.reference] for one in again]

        allergy["code"] = {"text": "Latex"}
        await ledger.give(partner, ledger.parcel(allergy, patient=patient))
        found = service.call("GET", f"/{ledger.held[_name(allergy)].theirs}", token).json()
        assert (found["code"]["text"], found["meta"]["versionId"]) == ("Latex", "2")

        gone = ledger.held[_name(allergy)].theirs
        await ledger.give(partner, ledger.parcel(gone=(_name(allergy),), patient=patient))
        assert service.call("GET", f"/{gone}", token).status_code == 410


async def test_a_person_known_there_is_found_and_what_is_there_of_them_is_read(
    service: Running, front: tuple[int, Authority], tmp_path: Path
) -> None:
    someone = person(9_842)
    plan = of_hospice(resources_of(someone))
    patient, place = first(plan, "Patient"), first(plan, "Observation", "395091006")
    whom = Whom(someone.nhs_number, patient["name"][0]["family"], patient["birthDate"])
    async with speaking_to(folder=tmp_path, our_base=OURS, **settings(service, *front, tmp_path)) as partner:
        assert await partner.of_person(whom) == ()
        finding = settings(service, *front, tmp_path, patients="find")
        async with speaking_to(folder=tmp_path, our_base=OURS, **finding) as cautious:
            with pytest.raises(PersonUnknown):
                await Ledger().give(cautious, Ledger().parcel(place, patient=patient))
        ledger = Ledger(subject="person-4101")
        await ledger.give(partner, ledger.parcel(patient, place, patient=patient))

        second = Ledger(subject="person-4101-again")
        await second.give(partner, second.parcel(patient, patient=patient))
        assert second.held[_name(patient)].theirs == ledger.held[_name(patient)].theirs
        assert second.held[_name(patient)].made is False
        with pytest.raises(OtherPerson):
            await Ledger().give(partner, Ledger().parcel(place, patient={**patient, "birthDate": "1901-01-01"}))

        [message] = await partner.of_person(whom)
        [arrived] = partner.arrived(message)
        assert (arrived.theirs, arrived.version) == (ledger.held[_name(place)].theirs, "1")
        assert arrived.whom == whom
        assert arrived.resource is not None
        assert arrived.resource["valueCodeableConcept"] == place["valueCodeableConcept"]
        assert arrived.resource["subject"]["reference"] == ledger.held[_name(patient)].theirs
        assert OURS not in json.dumps(arrived.resource)


async def test_what_breaks_its_rules_is_refused_by_place_and_without_content(
    service: Running, front: tuple[int, Authority], tmp_path: Path
) -> None:
    someone = person(9_843)
    plan = of_hospice(resources_of(someone))
    patient, place = first(plan, "Patient"), first(plan, "Observation", "395091006")
    async with speaking_to(folder=tmp_path, our_base=OURS, **settings(service, *front, tmp_path)) as partner:
        ledger = Ledger(subject="person-4102")
        with pytest.raises(ContentRefused) as caught:
            await ledger.give(partner, ledger.parcel(patient, {**place, "status": "secret"}, patient=patient))
    assert "Observation.status" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert list(ledger.held) == [_name(patient)]


@pytest.mark.parametrize("wrong", ["authority", "no certificate", "client"])
async def test_without_the_right_certificates_or_sign_in_nothing_is_sent(
    service: Running, front: tuple[int, Authority], tmp_path: Path, wrong: str
) -> None:
    port, authority = front
    given = settings(service, port, authority, tmp_path)
    if wrong == "authority":
        given["ca_file"] = Authority(tmp_path, "Somebody else").ca.name
    elif wrong == "no certificate":
        given |= {"certificate_file": "", "key_file": ""}
    else:
        given["auth"] = {**given["auth"], "client_id": "demo-gp"}
    async with speaking_to(folder=tmp_path, our_base=OURS, **given) as partner:
        with pytest.raises(NotAuthorised if wrong == "client" else Unreachable):
            await _ask(partner)


async def _ask(partner: FhirPartner) -> None:
    await partner.of_person(Whom(person(9_844).nhs_number, "Invented", "1941-05-02"))


def _name(resource: Json) -> str:
    return f"{resource['resourceType']}/{resource['id']}"
