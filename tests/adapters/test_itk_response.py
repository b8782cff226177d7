"""Replies of practices, by their own words."""

from __future__ import annotations

import re

import pytest

from adapters.itk_response import SENTENCES, UNKNOWN_CODE, Meaning, NoReply, reply_of
from tests.running import REPOSITORY
from tests.standins.gpdocument import reply

REFERENCE = "8f14e45f-ceea-467f-9b3c-0c1f6c1a7a01"
EVERY = [str(one) for one in (*range(10001, 10011), *range(20001, 20016), *range(30001, 30005))]
GUIDE = (REPOSITORY / "docs" / "nhs-gpdocument.md").read_text()


@pytest.mark.parametrize("code", EVERY)
def test_every_code_of_the_national_table_is_known(code: str):
    positive = {"20013": Meaning.TAKEN, "30001": Meaning.KNOWN, "20007": Meaning.DUPLICATE, "20008": Meaning.DUPLICATE}
    found = reply_of(reply(REFERENCE, code, "ok" if code in ("20013", "30001") else "fatal-error"))
    assert (found.reference, found.code) == (REFERENCE, code)
    assert found.meaning is positive.get(code, Meaning.NEGATIVE)
    assert bool(found.sentence) == (code not in positive)
    assert found.sentence != UNKNOWN_CODE


def test_the_guide_says_what_people_are_told():
    rows = dict(re.findall(r"^\| ([123]00\d\d) \| (.+?) \|$", GUIDE, re.MULTILINE))
    assert {code: rows.get(code) for code in SENTENCES} == SENTENCES


def test_a_code_that_is_not_known_is_negative_and_not_repeated():
    found = reply_of(reply(REFERENCE, "Ada Invented", "fatal-error"))
    assert (found.code, found.meaning, found.sentence) == ("", Meaning.NEGATIVE, UNKNOWN_CODE)


def test_a_reference_may_come_as_a_urn():
    assert reply_of(reply(f"urn:uuid:{REFERENCE.upper()}", "20013")).reference == REFERENCE


def test_a_negative_code_is_negative_though_the_header_says_ok():
    assert reply_of(reply(REFERENCE, "30002", "ok")).meaning is Meaning.NEGATIVE


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'<!DOCTYPE b [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><Bundle><id value="&b;"/></Bundle>',
        b'<!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/hostname">]><Bundle>&a;</Bundle>',
        b'<!DOCTYPE b SYSTEM "http://127.0.0.1:9/b.dtd"><Bundle/>',
        b"<a>" * 100 + b"</a>" * 100,
        b"<a>" + b"<b/>" * 30_000 + b"</a>",
        reply(REFERENCE, "20013") + b" " * 2_000_000,
        reply(REFERENCE, "20013")[:-20],
        b"<Bundle xmlns='http://hl7.org/fhir'/>",
        b'<!DOCTYPE b [<!ENTITY a "x">]>' + reply(REFERENCE, "20013"),
        reply(REFERENCE, "20013", event="ITK007C"),
        reply("", "20013"),
        reply("not a uuid", "20013"),
        reply(REFERENCE, "20013", "fatal-error"),
        reply(REFERENCE, "30001", "transient-error"),
        reply(REFERENCE, "20013").replace(b"ITK-ResponseCodes-1", b"Another-1"),
        reply(REFERENCE, "20013").replace(b"ITK-MessageEvent-2", b"Another-2"),
        reply(REFERENCE, "20013").replace(b"ITK-MessageHandling-2", b"Another-2"),
        reply(REFERENCE, "20013").replace(b'"message"', b'"batch"'),
        reply(REFERENCE, "20013").replace(b"MessageHeader>", b"Basic>"),
        reply(
            REFERENCE,
            "20013",
            extra="<issue><details><coding><system value='https://fhir.nhs.uk/STU3/CodeSystem/ITK-ResponseCodes-1'/>"
            "<code value='30001'/></coding></details></issue>",
        ),
    ],
)
def test_what_is_no_reply_is_not_believed_and_not_repeated(content: bytes):
    with pytest.raises(NoReply) as caught:
        reply_of(content)
    assert REFERENCE not in caught.value.why
    assert caught.value.why.endswith(".")
