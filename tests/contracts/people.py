"""A person of a contract test and what the engine would remember of a partner and them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from adapters.base import Whom
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from service.people.invented import nhs_number
from tests.adapters.fhir_world import Json, Ledger, patient

HOME, HOSPICE = "110481000000108", "108401000000102"
BORN = "1941-05-02"
_SNOMED = "http://snomed.info/sct"


@dataclass(slots=True)
class Books(Ledger):
    """A ledger of one person; ids of ours are nobody else's."""

    number: str = ""

    @property
    def patient(self) -> str:
        """Our reference of the person."""
        return f"Patient/{self.subject}"

    @property
    def whom(self) -> Whom:
        """The person as they are compared."""
        return Whom(self.number, "Invented", BORN)

    def name(self, id: str) -> str:
        """Return our reference of an entry."""
        return f"Observation/{self.subject}-{id}"

    def person(self, **changed: Any) -> Json:
        """Return the person."""
        identifier = [{"system": NHS_NUMBER_SYSTEM, "value": self.number}]
        return patient(**{"id": self.subject, "identifier": identifier, "birthDate": BORN, **changed})

    def place(self, code: str = HOME, id: str = "o1") -> Json:
        """Return a preferred place of death, which every kind can say."""
        doctor = {"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "555500000077"}
        return {
            "resourceType": "Observation",
            "id": f"{self.subject}-{id}",
            "meta": {"versionId": "1"},
            "status": "final",
            "code": {"coding": [{"system": _SNOMED, "code": "395091006"}]},
            "subject": {"reference": self.patient},
            "effectiveDateTime": "2026-11-01T10:00:00Z",
            "performer": [{"type": "Practitioner", "identifier": doctor, "display": "Dr Tamsin Invented"}],
            "valueCodeableConcept": {"coding": [{"system": _SNOMED, "code": code}]},
        }


def books_of(index: int) -> Books:
    """Return the ledger of a person whom nobody else has."""
    return Books(subject=f"k{index}", number=nhs_number(index))
