"""Old shapes of a sharing choice, as partners still send them, in the shape of this service (sharing rules 1, 5.2).

Guarantees: what an old shape says becomes an active Consent of scope `patient-privacy` that permits or refuses; a
refusal becomes a refusal of everything, for as long as nothing takes its place, and never "no consent". What is not
understood is refused with its reason, never guessed.

    Consent of STU3    the NHS's EOL-Consent-1 and its like, which have no `scope`: `status` active means given,
                       `inactive` REFUSED; `except` and the elements beside it become provisions
    coded Observation  consent as a SNOMED CT code in a clinical record (SCCI1580 and the older, general codes)

What it does not do: tell whom a reference names, or which Consent of a record the old one used to be. The caller hands
in the person and what is replaced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fhir_profiles.canonical import structure_definition
from security.consent_base import OPT_IN, OPT_OUT, REPLACES_EXTENSION
from security.consent_compile import SCOPE_SYSTEM
from security.consent_elements import PARTICIPATION, SNOMED, codings, objects, participations_understood
from security.errors import LegacyConsentNotUnderstood

EOL_CONSENT = "https://fhir.nhs.uk/STU3/StructureDefinition/EOL-Consent-1"

Json = dict[str, Any]

_PRIVACY_CONSENT = {"system": "http://loinc.org", "code": "59284-0"}
_GIVEN = frozenset({"882921000000109", "882981000000105", "425691002", "417528008"})
_FOR_THE_PERSON = {"882961000000101": "best-interests", "883001000000106": "lpa-decision"}
REFUSED = frozenset({"882941000000102", "414859005", "416409005", "342611000000100"})
"""SNOMED CT: consent to share was withdrawn or refused (SCCI1580 and the older, general codes)."""
_OF_ANOTHER_RECORD = frozenset({"417370002", "416308001"})
QUESTIONS = frozenset({"413909005", "887031000000108"})
"""SNOMED CT: whether there is consent to share; what is answered stands beside it."""
_CODES = _GIVEN | _FOR_THE_PERSON.keys() | REFUSED | _OF_ANOTHER_RECORD | QUESTIONS

_STU3 = frozenset(
    "resourceType id meta implicitRules language text contained extension modifierExtension identifier status category"
    " except consentingParty actor action securityLabel purpose dataPeriod data patient period dateTime"
    " organization sourceAttachment sourceIdentifier sourceReference policy policyRule".split()
)
_V3 = "http://hl7.org/fhir/v3/"
_SYSTEMS = {"http://hl7.org/fhir/consentaction": "http://terminology.hl7.org/CodeSystem/consentaction"}
_OPT_RULES = {"opt-in": OPT_IN, "opt-out": OPT_OUT}
_MADE = frozenset({"final", "amended", "corrected"})


def is_legacy(resource: Mapping[str, Any]) -> bool:
    """Tell whether a resource has an old shape of a sharing choice, whether or not it can be understood."""
    if resource.get("resourceType") == "Observation":
        return any(system == SNOMED and code in _CODES for system, code in codings(resource.get("code")))
    if resource.get("resourceType") != "Consent":
        return False
    return _is_eol(resource) or "scope" not in resource


def modern_consent(old: Mapping[str, Any], patient: str | None = None, replaces: Sequence[str] = ()) -> Json:
    """Return the Consent of this service that says what an old shape says.

    Args:
        old: a Consent of STU3, or an Observation.
        patient: the reference of the person in the record (`Patient/<id>`); None keeps the sender's.
        replaces: the references of the record's Consents whose place it takes.

    Raises:
        LegacyConsentNotUnderstood: it is no old shape, or says what cannot be told for certain.

    """
    if not is_legacy(old):
        raise LegacyConsentNotUnderstood("this is not an old shape of a consent to share")
    old = _renamed(old)
    if old.get("modifierExtension") or old.get("implicitRules"):
        raise LegacyConsentNotUnderstood("it has a modifier that is not known here")
    made = _of_observation(old) if old["resourceType"] == "Observation" else _of_stu3(old)
    if patient is not None:
        made["patient"] = {"reference": patient}
    if not isinstance(made.get("patient"), Mapping):
        raise LegacyConsentNotUnderstood("it does not say whose consent it is")
    named = [{"url": REPLACES_EXTENSION, "valueReference": {"reference": reference}} for reference in replaces]
    if extensions := [*made.pop("extension", ()), *named]:
        made["extension"] = extensions
    return made


def _renamed(value: Any) -> Any:
    """Return an element with the code systems of STU3 under the names that R4 has for them."""
    if isinstance(value, Mapping):
        return {
            name: _system(part) if name == "system" and isinstance(part, str) else _renamed(part)
            for name, part in value.items()
        }
    return [_renamed(part) for part in value] if isinstance(value, list) else value


def _system(name: str) -> str:
    if name.startswith(_V3):
        return f"http://terminology.hl7.org/CodeSystem/v3-{name.removeprefix(_V3)}"
    return _SYSTEMS.get(name, name)


def _is_eol(resource: Mapping[str, Any]) -> bool:
    meta = resource.get("meta")
    profiles = meta.get("profile") if isinstance(meta, Mapping) else None
    return isinstance(profiles, list) and any(str(profile).partition("|")[0] == EOL_CONSENT for profile in profiles)


def _of_stu3(old: Mapping[str, Any]) -> Json:
    status = old.get("status")
    if "provision" in old and not _is_eol(old):
        raise LegacyConsentNotUnderstood("it has provisions as R4 has them, and no scope")
    if status not in ("active", "inactive", "rejected"):
        raise LegacyConsentNotUnderstood("its status does not say whether consent was given or refused")
    rule = _rule(old.get("policyRule"))
    made = _kept(old)
    if status != "active" or rule == OPT_OUT:
        return made | _saying("deny")
    if unknown := old.keys() - _STU3:
        raise LegacyConsentNotUnderstood(f"it has elements that STU3 does not: {len(unknown)}")
    root = _saying("permit")
    root["provision"] |= _limits(old, kind="permit", of_root=True)
    if exceptions := [_exception(one) for one in objects(old.get("except"))]:
        root["provision"]["provision"] = exceptions
    if len(exceptions) != len(old.get("except") or ()):
        raise LegacyConsentNotUnderstood("an exception of it is not an object")
    return made | root


def _rule(value: Any) -> tuple[str, str] | None:
    """Return a policy rule, which STU3 writes as an address."""
    if value is None:
        return None
    found = _OPT_RULES.get(str(value).rstrip("/").rpartition("/")[2])
    if found is None:
        raise LegacyConsentNotUnderstood("its policyRule is not known here")
    return found


def _kept(old: Mapping[str, Any]) -> Json:
    """Return what an old Consent says about itself: whose, when, by whom, on what paper."""
    identifier = old.get("identifier")
    made: Json = {
        "resourceType": "Consent",
        **({"id": old["id"]} if "id" in old else {}),
        **_recorded(old),
        **({"identifier": identifier if isinstance(identifier, list) else [identifier]} if identifier else {}),
        "status": "active",
        "scope": {"coding": [{"system": SCOPE_SYSTEM, "code": "patient-privacy"}]},
        "category": [*objects(old.get("category")), {"coding": [dict(_PRIVACY_CONSENT)]}],
    }
    for element in ("patient", "dateTime", "organization", "sourceAttachment", "sourceReference"):
        if element in old:
            made[element] = old[element]
    if "consentingParty" in old:
        made["performer"] = old["consentingParty"]
    return made


def _recorded(old: Mapping[str, Any]) -> Json:
    meta = old.get("meta")
    kept = {key: meta[key] for key in ("versionId", "lastUpdated") if key in meta} if isinstance(meta, Mapping) else {}
    return {"meta": kept} if kept else {}


def _saying(kind: str) -> Json:
    system, code = OPT_IN if kind == "permit" else OPT_OUT
    return {"policyRule": {"coding": [{"system": system, "code": code}]}, "provision": {"type": kind}}


def _exception(old: Mapping[str, Any]) -> Json:
    kind = old.get("type")
    if kind not in ("permit", "deny"):
        raise LegacyConsentNotUnderstood("an exception of it does not say permit or deny")
    if old.get("modifierExtension"):
        raise LegacyConsentNotUnderstood("an exception of it has a modifier that is not known here")
    return {"type": kind, **_limits(old, kind=kind, of_root=False)}


def _limits(old: Mapping[str, Any], *, kind: str, of_root: bool) -> Json:
    """Return the limits of a provision. STU3 codes by Coding where R4 has a CodeableConcept."""
    limits: Json = {name: old[name] for name in _LIMITS if name in old}
    if "code" in old:
        limits["code"] = [{"coding": [coding]} for coding in objects(old["code"])]
    actors = old.get("actor") or []
    if not participations_understood(actors) or len(objects(actors)) != len(actors):
        raise LegacyConsentNotUnderstood("it names somebody without saying in what part")
    recipients = [actor for actor in objects(actors) if (PARTICIPATION, "IRCP") in codings(actor.get("role"))]
    if recipients:
        limits["actor"] = recipients
    elif actors and not of_root:
        raise LegacyConsentNotUnderstood(f"an exception of it ({kind}) names nobody as recipient")
    # on the Consent itself, those who are no recipients wrote it down
    return limits


_LIMITS = ("period", "action", "securityLabel", "purpose", "class", "dataPeriod", "data")


def _of_observation(old: Mapping[str, Any]) -> Json:
    if old.get("status") not in _MADE:
        raise LegacyConsentNotUnderstood("its status does not say that it is somebody's final word")
    codes = {code for system, code in codings(old.get("code")) if system == SNOMED and code in _CODES}
    if codes & _OF_ANOTHER_RECORD:
        raise LegacyConsentNotUnderstood("it is about the national summary record, not about this one")
    said = old.get("valueBoolean")
    meanings = {_meaning(code, said) for code in codes}
    if len(meanings) != 1:
        raise LegacyConsentNotUnderstood("its codes say different things")
    (kind,) = meanings
    made = _kept({"category": [old.get("code")], **{key: old[key] for key in ("id", "meta") if key in old}})
    for element, source in (("identifier", "identifier"), ("patient", "subject")):
        if source in old:
            made[element] = old[source]
    if when := old.get("effectiveDateTime") or old.get("issued"):
        made["dateTime"] = when
    basis = next((_FOR_THE_PERSON[code] for code in sorted(codes) if code in _FOR_THE_PERSON), None)
    if basis is not None:
        made["extension"] = [{"url": structure_definition("basis"), "valueCode": basis}]
    return made | _saying(kind)


def _meaning(code: str, said: Any) -> str:
    if code in QUESTIONS:
        if not isinstance(said, bool):
            raise LegacyConsentNotUnderstood("it asks about consent and does not say whether it was given")
        return "permit" if said else "deny"
    if said is False:
        raise LegacyConsentNotUnderstood("its code and its value say different things")
    return "deny" if code in REFUSED else "permit"
