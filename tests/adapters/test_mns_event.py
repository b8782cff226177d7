"""What is read of an event of MNS, in both of its versions."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Untranslatable
from adapters.look_again import Said
from adapters.mns_event import MOST_BYTES, place_of, read_event
from service.people.invented import nhs_number
from tests.standins.events import mns_1, mns_2

ONE = nhs_number(1)


def test_version_2_tells_of_a_person_and_of_no_status():
    told = read_event(mns_2(ONE)).told
    assert (told.nhs_number, told.said, told.version, told.sent) == (
        ONE,
        Said.DEATH_STATUS,
        None,
        "2026-11-01T15:00:33Z",
    )


@pytest.mark.parametrize(
    ("status", "said"),
    [("1", Said.DEATH), ("2", Said.DEATH), ("U", Said.DEATH_REMOVED), ("9", Said.DEATH_STATUS)],
)
def test_version_1_tells_status_version_and_birth_date(status: str, said: Said):
    event = read_event(mns_1(ONE, status=status, dob="1940-05-06"))
    assert (event.told.said, event.told.version, event.told.birth_date) == (said, 5, "1940-05-06")
    assert event.source == "NHS DIGITAL"


@pytest.mark.parametrize("kind", ["pds-change-of-gp-2", "pds-record-change-2", "nhs-number-change-2", "pds-new-3"])
def test_any_other_type_is_a_reason_to_look_again(kind: str):
    assert read_event(mns_2(ONE, kind)).told.said is Said.OTHER


def test_a_later_version_of_a_death_is_a_death():
    assert read_event(mns_2(ONE, "pds-death-notification-3")).told.said is Said.DEATH_STATUS


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"a": ' * 5_000,
        mns_2("9990000000"),
        mns_2("999 000 0018"),
        mns_2(ONE, subject=None),
        mns_2(ONE, subject=[ONE]),
        mns_2(ONE, subject={"nhsNumber": 9990000018}),
        mns_2(ONE, type=None),
        mns_2(ONE, type=7),
        mns_2(ONE, more="x" * MOST_BYTES),
    ],
)
def test_what_does_not_say_whom_it_is_about_is_for_a_person(body: bytes):
    with pytest.raises(Untranslatable) as caught:
        read_event(body)
    assert ONE not in caught.value.why
    assert place_of(body) == ("9999", 0)


@pytest.mark.parametrize(
    "data", [None, [], "x", {"versionId": 5}, {"versionId": 'W/"x"', "deathNotificationStatus": 2}]
)
def test_details_that_are_of_another_form_are_no_details(data: object):
    told = read_event(mns_1(ONE, data=data)).told
    assert (told.said, told.version) == (Said.DEATH_STATUS, None)


@pytest.mark.parametrize("time", [None, "", "yesterday", "2026-11-01T15:00:33", "0001-01-01T00:00:00+23:00"])
def test_a_time_that_is_none_is_no_time(time: object):
    assert read_event(mns_2(ONE, time=time)).told.sent == ""


def test_a_repr_names_nobody():
    assert ONE not in repr(read_event(mns_1(ONE, dob="1940-05-06")))


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner))
)
def test_no_json_is_anything_but_an_event_or_a_plain_refusal(said: object):
    with pytest.raises(Untranslatable):
        read_event(json.dumps(said).encode())
