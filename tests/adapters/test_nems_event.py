"""What is read of an event of NEMS: whom it tells of, and nothing that somebody put there to harm us."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Untranslatable
from adapters.look_again import Said
from adapters.nems_event import place_of, read_event
from adapters.safe_xml import MOST_DEPTH, InvalidXml, read_xml
from fhir_profiles.identifiers import is_nhs_number
from service.people.invented import nhs_number
from tests.standins.events import ADDRESS, GP, NHS, nems

ONE, OTHER = nhs_number(1), nhs_number(2)


@pytest.mark.parametrize(
    ("status", "said"),
    [("1", Said.DEATH), ("2", Said.DEATH), ("U", Said.DEATH_REMOVED), ("9", Said.DEATH_STATUS)],
)
def test_a_death_tells_of_the_person_with_version_and_time(status: str, said: Said):
    [told] = read_event(nems(ONE, status=status, version=17, birth_date="1940-05-06")).told
    assert (told.nhs_number, told.said, told.version) == (ONE, said, 17)
    assert (told.sent, told.birth_date) == ("2026-11-01T15:00:33+00:00", "1940-05-06")


@pytest.mark.parametrize("event", [GP, ADDRESS, "pds-record-change-1"])
def test_any_other_event_is_a_reason_to_look_again(event: str):
    [told] = read_event(nems(ONE, event)).told
    assert (told.nhs_number, told.said) == (ONE, Said.OTHER)


def test_the_patient_is_believed_and_not_the_routing():
    first, second = read_event(nems(ONE, routed=OTHER)).told
    assert (first.nhs_number, first.said) == (ONE, Said.DEATH)
    assert (second.nhs_number, second.said, second.version) == (OTHER, Said.OTHER, None)


def test_a_repr_names_nobody():
    assert ONE not in repr(read_event(nems(ONE, birth_date="1940-05-06")))


@pytest.mark.parametrize("version", [None, "", "x", "-1", "9" * 19])
def test_a_version_that_is_none_is_no_version(version: str | None):
    assert read_event(nems(ONE, version=version)).told[0].version is None


@pytest.mark.parametrize("sent", ["", "yesterday", "2026-11-01", "0001-01-01T00:00:00+23:00"])
def test_a_time_that_is_none_is_no_time(sent: str):
    assert read_event(nems(ONE, sent=sent)).told[0].sent == ""


def test_the_subject_decides_where_several_patients_are_there():
    mother = f'<entry><resource><Patient><identifier><system value="{NHS}"/><value value="{OTHER}"/></identifier>'
    body = nems(ONE).replace(b"</Bundle>", f"{mother}</Patient></resource></entry></Bundle>".encode())
    assert [one.nhs_number for one in read_event(body).told] == [ONE]
    with pytest.raises(Untranslatable, match="which Patient"):
        read_event(body.replace(b"urn:uuid:communication", b"urn:uuid:nothing", 1))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (nems("9990000000"), "cannot be right"),
        (
            nems(ONE, also=f'<identifier><system value="{NHS}"/><value value="{OTHER}"/></identifier>'),
            "two NHS numbers",
        ),
        (nems(ONE).replace(b'"message"', b'"document"'), "no FHIR Bundle"),
        (nems(ONE).replace(b"http://hl7.org/fhir", b"urn:else"), "no FHIR Bundle"),
        (nems(ONE).replace(b"CodeSystem/EventType-1", b"CodeSystem/Other"), "which type"),
        (nems(ONE, event=""), "which type"),
        (nems(ONE)[:400], "not well-formed"),
        (b"", "not well-formed"),
        (b'{"resourceType": "Bundle"}', "not well-formed"),
        (b"\xff\xfe", "not well-formed"),
    ],
)
def test_what_does_not_say_whom_it_is_about_is_for_a_person(body: bytes, why: str):
    with pytest.raises(Untranslatable, match=why) as caught:
        read_event(body)
    assert ONE not in caught.value.why
    assert place_of(body) == ("9999", 0)


BILLION = '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "before",
    [
        BILLION,
        '<!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE b SYSTEM "http://127.0.0.1:9/evil.dtd">',
        '<!DOCTYPE b [<!ENTITY % p SYSTEM "http://127.0.0.1:9/"> %p;]>',
        "<!DOCTYPE Bundle>",
    ],
)
def test_a_document_type_is_refused_whatever_it_holds(before: str):
    with pytest.raises(Untranslatable, match="document type"):
        read_event(nems(ONE, before=before))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<a>" * (MOST_DEPTH + 1), "nested too deeply"),
        (b"<a>" + b"<b/>" * 20_001 + b"</a>", "too many elements"),
        (b"<a>" + b"x" * 1_000_000 + b"</a>", "too large"),
        (b'<?xml version="1.0" encoding="UTF-7"?><a/>', "encoding"),
        (b'<?xml version="1.0" encoding="iso-8859-1"?><a/>', "encoding"),
        (b"<a>&unknown;</a>", "not well-formed"),
        (b"<a xmlns:x='y'><x:b></a></x:b>", "not well-formed"),
        (b"<z:a/>", "not well-formed"),
        (b"<a>\xc3\x28</a>", "not well-formed"),
    ],
)
def test_only_so_much_is_read(body: bytes, why: str):
    with pytest.raises(InvalidXml, match=why):
        read_xml(body)


def test_a_script_in_a_narrative_is_text_and_changes_nothing():
    script = '<text><div xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></div></text>'
    assert read_event(nems(ONE, also=script)) == read_event(nems(ONE))


def test_events_are_put_in_order_by_time_in_utc_then_version():
    first = nems(ONE, sent="2026-11-01T16:00:00+02:00", version=9)
    second = nems(ONE, sent="2026-11-01T15:00:00Z", version=3)
    third = nems(ONE, sent="2026-11-01T15:00:00.000+00:00", version=4)
    last = b"no event"
    assert sorted([last, third, second, first], key=place_of) == [first, second, third, last]


@given(st.binary(max_size=300))
def test_no_bytes_are_anything_but_an_event_or_a_plain_refusal(body: bytes):
    with pytest.raises(Untranslatable):
        read_event(body)


@given(st.integers(0, 1500), st.binary(max_size=3))
def test_a_damaged_event_is_an_event_or_a_plain_refusal(at: int, put: bytes):
    whole = nems(ONE)
    with suppress(Untranslatable):
        told = read_event(whole[:at] + put + whole[at + len(put) :]).told
        assert all(is_nhs_number(one.nhs_number) for one in told)
