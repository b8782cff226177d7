"""What an element may name and still tell nothing of where a person is: addresses, codes, identifiers, extensions that
are the nation's or the standard's. Any other may be those of the system that sent it (rule 5.6).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fhir_profiles.canonical import BASE
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, ODS_SYSTEM
from service.plan.places import WAYS_IN

_UK_CORE = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-"
PLACING_EXTENSIONS = WAYS_IN | {f"{_UK_CORE}NominatedPharmacy", f"{_UK_CORE}ResidentialStatus"}
"""Extensions that we know and that place the person."""
_FHIR = "http://hl7.org/fhir/StructureDefinition/"
_KNOWN_EXTENSIONS = (
    f"{BASE}/",
    *(
        f"{_FHIR}{name}"
        for name in (
            "data-absent-reason patient-religion patient-interpreterRequired patient-genderIdentity iso21090-EN "
            "iso21090-nullFlavor humanname- condition- allergyintolerance- observation- goal- originalText translation "
            "rendering-"
        ).split()
    ),
    *(
        f"{_UK_CORE}{name}"
        for name in (
            "BirthSex ContactPreference CopyCorrespondenceIndicator DeathNotificationStatus EthnicCategory "
            "NHSCommunication NHSNumberVerificationStatus ReligiousAffiliation"
        ).split()
    ),
)
_NEUTRAL = (
    f"{BASE}/",
    *("http://hl7.org/", "http://terminology.hl7.org/", "http://snomed.info/", "http://loinc.org"),
    *("http://unitsofmeasure.org", "https://fhir.hl7.org.uk/", "https://fhir.nhs.uk/", "https://dmd.nhs.uk"),
    *("http://www.whocc.no/atc", "https://www.legislation.gov.uk/", "http://dicom.nema.org/"),
)
_NATIONAL_IDENTIFIERS = (
    NHS_NUMBER_SYSTEM,
    *(f"https://fhir.nhs.uk/Id/{name}" for name in ("sds-user-id", "sds-role-profile-id", "cross-care-setting-id")),
    *(f"https://fhir.hl7.org.uk/Id/{name}" for name in ("gmc-number", "nmc-number", "gphc-number", "hcpc-number")),
    f"{BASE}/",
    "urn:ietf:rfc:3986",
)
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"<>]+")


def is_address(text: str) -> bool:
    """Tell whether a text is an address on some network and nothing else."""
    return "://" in text and _ADDRESS.fullmatch(text) is not None


def is_neutral(address: str) -> bool:
    """Tell whether an address is one that everybody's content may hold."""
    return address.startswith(_NEUTRAL)


def is_known_extension(url: str) -> bool:
    """Tell whether we know what an extension says, and that it is no place."""
    return url.startswith(_KNOWN_EXTENSIONS) and url not in PLACING_EXTENSIONS


def is_attachment(value: Mapping[str, Any]) -> bool:
    """Tell whether an object is an Attachment, whatever element it stands in."""
    return "contentType" in value or ("url" in value and "title" in value and "extension" not in value)


def may_stay(value: Mapping[str, Any], key: str) -> bool:
    """Tell whether an object, if it is a code, an identifier or a quantity, says nothing of a place."""
    if key == "identifier" or key.endswith("Identifier"):
        system = value.get("system")
        return isinstance(system, str) and system.startswith(_NATIONAL_IDENTIFIERS)
    if "system" not in value:
        return True
    system = str(value["system"])
    if system == ODS_SYSTEM:
        return False
    if isinstance(value.get("value"), str):  # an identifier or a telecom under another name
        return system.startswith(_NATIONAL_IDENTIFIERS)
    return not is_address(system) or is_neutral(system)
