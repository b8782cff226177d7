"""NHS numbers and ODS codes."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_profiles.errors import InvalidNhsNumber, InvalidOdsCode
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, NhsNumber, OdsCode, check_digit, is_nhs_number

nine_digits = st.from_regex(r"999[0-9]{6}", fullmatch=True)


@given(nine_digits)
def test_exactly_one_check_digit_or_none_makes_a_number(first_nine: str) -> None:
    valid = [digit for digit in range(10) if is_nhs_number(f"{first_nine}{digit}")]
    expected = check_digit(first_nine)
    assert valid == ([] if expected is None else [expected])


@given(nine_digits, st.integers(0, 9), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(first_nine: str, place: int, shift: int) -> None:
    digit = check_digit(first_nine)
    if digit is None:
        return
    number = f"{first_nine}{digit}"
    changed = number[:place] + str((int(number[place]) + shift) % 10) + number[place + 1 :]
    assert not is_nhs_number(changed)


def test_check_digit_ten_means_no_number() -> None:
    without = next(f"999{n:06d}" for n in range(1000) if check_digit(f"999{n:06d}") is None)
    assert not any(is_nhs_number(f"{without}{digit}") for digit in range(10))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "999000001",
        "99900000180",
        "9990000019",
        "999 000 0018",
        "999000001８",
        "0000000000",
        "999000001a",
        " 9990000018",
    ],
)
def test_what_is_not_a_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidNhsNumber) as refusal:
        NhsNumber(text)
    assert not text.strip() or text not in str(refusal.value)


@pytest.mark.parametrize("text", ["999 000 0018", "999-000-0018", " 9990000018 "])
def test_numbers_are_read_as_people_write_them(text: str) -> None:
    assert NhsNumber.written(text).value == "9990000018"


@pytest.mark.parametrize("text", ["999 0000018", "99 90000018", "999 000-0018"])
def test_spaces_elsewhere_are_refused(text: str) -> None:
    with pytest.raises(InvalidNhsNumber):
        NhsNumber.written(text)


def test_a_number_shows_its_last_digits_only() -> None:
    number = NhsNumber("9990000018")
    assert "9990000" not in f"{number} {number!r} {[number]}"
    assert repr(number).endswith("018')")


def test_numbers_are_values() -> None:
    number = NhsNumber("9990000018")
    same = {number, NhsNumber("9990000018"), copy.copy(number), copy.deepcopy(number)}
    assert same == {number}
    assert number != "9990000018"
    with pytest.raises(AttributeError):
        number.value = "9990000026"


def test_the_number_of_a_patient_is_found_by_its_system() -> None:
    patient = {
        "identifier": [{"system": "urn:other", "value": "1"}, {"system": NHS_NUMBER_SYSTEM, "value": "9990000018"}]
    }
    assert NhsNumber.of(patient) == NhsNumber("9990000018")
    assert NhsNumber.of({}) is None


@pytest.mark.parametrize("code", ["ZZ901", "ZZ9", "ZZ90100001"])
def test_ods_codes_are_accepted(code: str) -> None:
    assert OdsCode(code).value == code


@pytest.mark.parametrize("code", ["", "zz901", "ZZ", "ZZ 901", "ZZ9010000100001", "ZZ-01"])
def test_what_is_not_an_ods_code_is_refused(code: str) -> None:
    with pytest.raises(InvalidOdsCode):
        OdsCode(code)
