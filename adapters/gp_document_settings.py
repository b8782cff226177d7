"""How Send Document to practices is described in a partner's `settings`, judged whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from adapters.itk_message import Definition
from adapters.mesh_settings import File, MeshSettings
from adapters.mesh_settings import problems_of as problems_of_mesh
from fhir_profiles.identifiers import is_ods_code

_TELEPHONE = re.compile(r"\+?[0-9][0-9 ]{6,18}[0-9]")
_SDS_USER = re.compile(r"[0-9]{12}")
_SNOMED = re.compile(r"[0-9]{6,18}")


class Sender(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Our organisation: its ODS code, its name, and a telephone that the practice can ring."""

    ods: str
    name: str
    telephone: str


class Clinician(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The clinician who answers for what is sent, by their SDS user id."""

    sds_user_id: str
    family: str
    given: str
    prefix: str = ""


class Snomed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A SNOMED CT concept."""

    code: str
    display: str


class GpDocumentSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A sender of documents to practices. `largest` is how many bytes a message may have, `deadline_days` how long both
    replies may take.

    `practice` is the ODS code of the practice that it is meant for: the organisation of the partner's client.
    `birth_date` is the form of the birth date in an address of a person, which the versions of the specification say
    differently. `local_id`: what stands in Mex-LocalID, our ODS code (`ods`) as the guide has it, or what tells our
    messages apart (`unique`), by which alone a lost answer can be looked for.
    """

    mesh: MeshSettings
    practice: str
    sender: Sender
    clinician: Clinician
    birth_date: Literal["YYYYMMDD", "DDMMYYYY"] = "YYYYMMDD"
    message_definition: Definition = "ITK-GPConnectSendDocument-MessageDefinition-1"
    local_id: Literal["ods", "unique"] = "ods"
    document_type: Snomed = Snomed("736373009", "End of life care plan")
    care_setting: Snomed = Snomed("395092004", "Specialist palliative care")
    title: str = "End of life care plan"
    deadline_days: int = 5
    largest: int = 5_000_000


def problems_of(settings: GpDocumentSettings, file: File) -> Iterator[str]:
    """Yield what is wrong with the settings and the files that they name."""
    sender, clinician = settings.sender, settings.clinician
    texts = (sender.name, clinician.family, clinician.given, settings.title)
    concepts = (settings.document_type, settings.care_setting)
    checks = {
        "`practice` is an ODS code": is_ods_code(settings.practice),
        "`sender.ods` is an ODS code": is_ods_code(sender.ods),
        "`sender.telephone` is a telephone number": _TELEPHONE.fullmatch(sender.telephone) is not None,
        "`clinician.sds_user_id` is twelve digits": _SDS_USER.fullmatch(clinician.sds_user_id) is not None,
        "names and `title` are 1 to 120 characters": all(0 < len(one) <= 120 and one.isprintable() for one in texts),
        "`clinician.prefix` is printable": clinician.prefix.isprintable(),
        "`document_type` and `care_setting` are SNOMED CT codes with their display": all(
            _SNOMED.fullmatch(one.code) and 0 < len(one.display) <= 255 and one.display.isprintable()
            for one in concepts
        ),
        "`deadline_days` is 1 to 30": 1 <= settings.deadline_days <= 30,
        "`largest` is 10000 to 100000000 bytes": 10_000 <= settings.largest <= 100_000_000,
    }
    yield from (f"`settings`: {rule}" for rule, holds in checks.items() if not holds)
    yield from (f"`settings.mesh`: {problem}" for problem in problems_of_mesh(settings.mesh, file))
