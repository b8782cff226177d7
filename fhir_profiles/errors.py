"""Facts that this package raises. None carries the value that caused it.

FhirProfilesError
├── InvalidIdentifier
│   ├── InvalidNhsNumber
│   └── InvalidOdsCode
├── InvalidJson            .issues: every problem found in the bytes
├── NotR4                  .problems: place and kind of each problem
├── UnknownCode            a code, set or system that our terminology does not hold
└── DefinitionsNotBuilt    `make setup` has not been run
"""

from __future__ import annotations

from fhir_profiles.issues import Issue


class FhirProfilesError(Exception):
    """Base of everything this package raises on purpose."""


class InvalidIdentifier(FhirProfilesError, ValueError):
    """A text that is not an identifier of the kind it was offered as."""


class InvalidNhsNumber(InvalidIdentifier):
    """Not ten digits, or the check digit (modulus 11) is wrong."""


class InvalidOdsCode(InvalidIdentifier):
    """Not an organisation code of the Organisation Data Service."""


class InvalidJson(FhirProfilesError):
    """Bytes that are not one JSON object as FHIR wants it."""

    def __init__(self, issues: list[Issue]) -> None:
        super().__init__(f"{len(issues)} problem(s) in the JSON")
        self.issues = issues


class NotR4(FhirProfilesError):
    """The typed models refuse a resource."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class UnknownCode(FhirProfilesError, KeyError):
    """A value set, or a code in it, that our terminology does not hold."""


class DefinitionsNotBuilt(FhirProfilesError):
    """The generated FHIR definitions are not there."""

    def __init__(self, place: str) -> None:
        super().__init__(f"FHIR R4 definitions are not built in {place}: run `make setup`")
