"""Codes and their meaning."""

from __future__ import annotations

import pytest

from fhir_profiles.errors import UnknownCode
from fhir_profiles.terminology import (
    CPR_MODIFIED,
    EPACCS,
    FOR_CPR,
    NOT_FOR_CPR,
    SNOMED,
    Coding,
    code,
    cpr_meaning,
    display_of,
    local,
    value_set,
    value_set_names,
)


def test_a_code_is_found_in_its_value_set() -> None:
    coding = code("CprDecision", NOT_FOR_CPR)
    assert coding == Coding(SNOMED, NOT_FOR_CPR, "Not for cardiopulmonary resuscitation (finding)")
    assert coding.as_json() == {"system": SNOMED, "code": NOT_FOR_CPR, "display": coding.display}


def test_value_sets_are_pairs_of_system_and_code() -> None:
    assert value_set("CprDecision") == {(SNOMED, FOR_CPR), (SNOMED, NOT_FOR_CPR)}
    assert len(value_set_names()) == 93


@pytest.mark.parametrize("name", ["NoSuchSet", "../package"])
def test_an_unknown_value_set_is_told(name: str) -> None:
    with pytest.raises(UnknownCode):
        value_set(name)


def test_an_unknown_code_is_told() -> None:
    with pytest.raises(UnknownCode):
        code("CprDecision", "1")
    with pytest.raises(UnknownCode):
        local("no-such-code")


def test_displays_are_found_by_system_and_code() -> None:
    assert display_of(EPACCS, "comfort") == "Treatment level: comfort-focused treatment"
    assert display_of(SNOMED, "395091006") == "Preferred place of death"
    assert display_of(SNOMED, "no-such-code") is None
    assert display_of("urn:other", "395091006") is None


@pytest.mark.parametrize(
    ("system", "given", "meaning"),
    [
        (SNOMED, "450475007", FOR_CPR),
        (SNOMED, "304252001", FOR_CPR),
        (SNOMED, "450476008", NOT_FOR_CPR),
        (SNOMED, "304253006", NOT_FOR_CPR),
        (SNOMED, "143021000119109", NOT_FOR_CPR),
        (EPACCS, "cpr-modified", CPR_MODIFIED),
        (SNOMED, "304251008", None),
        (EPACCS, "450476008", None),
    ],
)
def test_synonyms_of_a_cpr_decision_are_read_as_what_they_mean(system: str, given: str, meaning: str | None) -> None:
    assert cpr_meaning(system, given) == meaning
