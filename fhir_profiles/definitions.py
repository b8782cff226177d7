"""Where the generated FHIR R4 definitions are found at run time.

`make setup` writes them (see `fhir_profiles.build_definitions`): one schema of all types, and tables that explain its
failures. They are read when first asked for and kept.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jsonschema_rs
import msgspec

from fhir_profiles.errors import DefinitionsNotBuilt
from fhir_profiles.identifiers import is_nhs_number, is_ods_code
from fhir_profiles.ordering import InOrder
from fhir_profiles.xhtml import is_safe_narrative

DIRECTORY = Path(__file__).parent / "definitions_r4"
SCHEMA = "schema.json"
TABLES = "tables.json"


class Tables(msgspec.Struct, frozen=True):
    """What explains a failure.

    `sentences` gives the words of each named rule, `choices` the FHIRPath of each typed element (`valueCode` ->
    `value.ofType(code)`), `names` every element name of FHIR that the schemas know.
    """

    sentences: dict[str, str]
    choices: dict[str, str]
    names: frozenset[str]


@cache
def tables() -> Tables:
    """Return the tables. Raises `DefinitionsNotBuilt`."""
    return msgspec.json.decode(_read(TABLES), type=Tables)


@cache
def schema() -> jsonschema_rs.Draft202012Validator:
    """Return the compiled schema of every type we judge. Raises `DefinitionsNotBuilt`.

    It judges a resource by the definition that its `resourceType` names, and lets every other type pass. Compiling
    takes some 50 ms, once.
    """
    return jsonschema_rs.Draft202012Validator(
        msgspec.json.decode(_read(SCHEMA)),
        validate_formats=True,
        formats={"nhs-number": is_nhs_number, "ods-code": is_ods_code, "xhtml": is_safe_narrative},
        keywords={"in-order": InOrder},
        pattern_options=jsonschema_rs.RegexOptions(),
    )


def _read(name: str) -> bytes:
    try:
        return (DIRECTORY / name).read_bytes()
    except FileNotFoundError:
        raise DefinitionsNotBuilt(str(DIRECTORY)) from None
