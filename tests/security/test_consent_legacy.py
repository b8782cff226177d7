"""Old shapes of a sharing choice: a refusal is a refusal, and what is not understood is refused with its reason."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_profiles.sections import TIER, Section
from fhir_profiles.validation import validate
from security.consent_check import check_sharing_consent
from security.consent_legacy import EOL_CONSENT, is_legacy, modern_consent
from security.errors import LegacyConsentNotUnderstood
from security.principal import Role
from tests.security.sharing import PATIENT, SNOMED, compiled, consent, decision, organisation_of, provision

Json = dict[str, Any]
V3 = "http://hl7.org/fhir/v3/"
RECIPIENT = {"coding": [{"system": f"{V3}ParticipationType", "code": "IRCP"}]}
AUTHOR = {"coding": [{"system": f"{V3}ParticipationType", "code": "AUT"}]}


def stu3(status: Any = "active", **more: Any) -> Json:
    return {
        "resourceType": "Consent",
        "id": "old",
        "meta": {"profile": [EOL_CONSENT]},
        "status": status,
        "patient": {"reference": PATIENT},
        "dateTime": "2019-03-01T10:00:00+00:00",
        **more,
    }


def coded(*codes: str, status: str = "final", **more: Any) -> Json:
    return {
        "resourceType": "Observation",
        "id": "old",
        "status": status,
        "code": {"coding": [{"system": SNOMED, "code": code} for code in codes]},
        "subject": {"reference": PATIENT},
        "effectiveDateTime": "2019-03-01",
        **more,
    }


def state_of(*old: Json) -> tuple[bool, str | None]:
    decided = decision(compiled(*(modern_consent(one) for one in old)))
    return decided.permitted, decided.consent_state


ACTOR = {"role": RECIPIENT, "reference": {"reference": "Organization/ZZ1"}}
BARRED = {"type": "deny", "actor": [ACTOR]}


@pytest.mark.parametrize(
    ("old", "expected"),
    [
        (stu3(), (True, "explicit")),
        (stu3("inactive"), (False, "dissent")),
        (stu3("rejected"), (False, "dissent")),
        (stu3("inactive", meta={}), (False, "dissent")),
        (stu3("inactive", period={"end": "2020-01-01"}), (False, "dissent")),
        (
            stu3("inactive", actor=[{"role": RECIPIENT, "reference": {"reference": "Organization/ZZ9"}}]),
            (False, "dissent"),
        ),
        (stu3("inactive", **{"except": [{"type": "permit"}]}), (False, "dissent")),
        (stu3("inactive", provision={"type": "permit"}), (False, "dissent")),
        (stu3(policyRule="http://hl7.org/fhir/ConsentPolicy/opt-in"), (True, "explicit")),
        (stu3(policyRule="http://hl7.org/fhir/ConsentPolicy/opt-out"), (False, "dissent")),
        (stu3(**{"except": [BARRED]}), (False, "dissent")),
        (stu3(actor=[{"role": AUTHOR, "reference": {"reference": "Practitioner/1"}}]), (True, "explicit")),
        (stu3(actor=[ACTOR]), (True, "explicit")),
        (stu3(period={"end": "2020-01-01"}), (True, "not_recorded")),
        (coded("882921000000109"), (True, "explicit")),
        (coded("882961000000101"), (True, "best_interests")),
        (coded("883001000000106"), (True, "best_interests")),
        (coded("882941000000102"), (False, "dissent")),
        (coded("425691002"), (True, "explicit")),
        (coded("414859005"), (False, "dissent")),
        (coded("342611000000100", status="amended"), (False, "dissent")),
        (coded("887031000000108", valueBoolean=False), (False, "dissent")),
        (coded("887031000000108", valueBoolean=True), (True, "explicit")),
    ],
)
def test_what_an_old_shape_says_is_what_decides(old, expected):
    assert is_legacy(old)
    assert state_of(old) == expected


@pytest.mark.parametrize("old", [stu3(), stu3("inactive"), stu3(**{"except": [BARRED]}), coded("882941000000102")])
def test_what_is_made_is_a_consent_as_this_service_takes_it(old):
    made = modern_consent(old, replaces=("Consent/c1",))
    assert made["status"] == "active"
    assert made["extension"][-1]["valueReference"] == {"reference": "Consent/c1"}
    assert check_sharing_consent(made, PATIENT, organisation_of) == []
    assert validate(made) == []


def test_what_an_exception_is_about_keeps_its_meaning():
    code = provision("deny", sections=("allergies",))["code"][0]["coding"][0]
    purpose = {"system": f"{V3}ActReason", "code": "TREAT"}
    old = stu3(**{"except": [{"type": "deny", "code": [code], "purpose": [purpose]}]})
    decided = decision(compiled(modern_consent(old)), Role.GP)
    assert decided.permitted
    assert not decided.opens(Section.ALLERGIES, TIER[Section.ALLERGIES])
    assert decided.opens(Section.DIAGNOSES, TIER[Section.DIAGNOSES])


def test_whose_it_is_when_and_on_what_paper_is_kept():
    old = stu3(
        identifier={"system": "urn:x", "value": "1"},
        consentingParty=[{"reference": "RelatedPerson/r1"}],
        sourceReference={"reference": "DocumentReference/d1"},
        language="en",
    )
    made = modern_consent(old, patient="Patient/ours")
    assert made["identifier"] == [{"system": "urn:x", "value": "1"}]
    assert (made["patient"], made["dateTime"]) == ({"reference": "Patient/ours"}, old["dateTime"])
    assert (made["performer"], made["sourceReference"]) == (old["consentingParty"], old["sourceReference"])


@pytest.mark.parametrize(
    ("old", "why"),
    [
        (stu3("draft"), "status"),
        (stu3("entered-in-error"), "status"),
        (stu3("given"), "status"),
        (stu3(policyRule="urn:x"), "policyRule"),
        (stu3(policyRule={"coding": []}), "policyRule"),
        (stu3(modifierExtension=[{"url": "urn:x"}]), "modifier"),
        (stu3("inactive", modifierExtension=[{"url": "urn:x"}]), "modifier"),
        (stu3(provision={"type": "permit"}), "elements"),
        (stu3(meta={}, provision={"type": "deny"}), "provisions"),
        (stu3(actor=[{"reference": {"reference": "Organization/ZZ1"}}]), "in what part"),
        (stu3(**{"except": [{"actor": [ACTOR]}]}), "permit or deny"),
        (stu3(**{"except": [{"type": "deny", "actor": [{"role": AUTHOR}]}]}), "recipient"),
        (stu3(**{"except": ["everything"]}), "exception"),
        (stu3(patient=None), "whose"),
        (coded("882921000000109", status="entered-in-error"), "status"),
        (coded("882921000000109", valueBoolean=False), "different"),
        (coded("882921000000109", "882941000000102"), "different"),
        (coded("887031000000108"), "whether"),
        (coded("416308001"), "national"),
        (coded("304251008"), "not an old shape"),
        (consent(provision("permit")), "not an old shape"),
        (consent(provision("permit"), status="inactive"), "not an old shape"),
        ({"resourceType": "Flag"}, "not an old shape"),
    ],
)
def test_what_is_not_understood_is_refused_with_the_reason_and_never_guessed(old, why):
    with pytest.raises(LegacyConsentNotUnderstood, match=why):
        modern_consent(old)
