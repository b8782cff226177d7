"""111 reports: what is taken as one, whom it names, what of it becomes text, and how it waits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Message, Untranslatable, Whom
from adapters.errors import ContentRefused
from adapters.itk_111 import (
    MOST_WAITING,
    DifferentReport,
    Full,
    Itk111Adapter,
    Itk111Settings,
    store_report,
)
from adapters.itk_111_envelope import InvalidEnvelope, accepted, fault, read_envelope
from adapters.itk_111_report import LONGEST_PART, MOST_PARTS, arrived_report
from adapters.notes import NotesInMemory
from adapters.partners import Description, Owner, Partner
from adapters.registry import kind_of
from adapters.safe_xml import MOST_BYTES, MOST_DEPTH, MOST_ELEMENTS, InvalidXml, read_xml
from security.errors import InvalidConfiguration
from tests.adapters.itk_messages import TEXT, TRACKING, cda, message
from tests.adapters.parcels import given_by, parcel

US = ("ZZREC1",)


def read(body: bytes) -> Any:
    return arrived_report(read_envelope(body, US))


def said(*sections: tuple[str, str], **more: Any) -> list[str]:
    resource = read(message(cda(sections=sections, **more))).resource
    assert resource is not None
    return [one["contentString"] for one in resource["payload"]]


def test_a_report_becomes_an_event_in_plain_text() -> None:
    arrived = read(message())
    assert arrived.theirs == f"Communication/{TRACKING}"
    assert arrived.whom == Whom("9990000018", "Exampleby", "1941-05-02")
    assert arrived.sent == "2026-11-02T03:15:00.000Z"
    assert arrived.resource is not None
    assert arrived.resource["sender"]["identifier"]["value"] == "ZZ1110"
    assert arrived.resource["payload"] == [
        {"contentString": "Consultation summary: Rang at 03:10 about breathlessness.\nAdvice given."}
    ]


@pytest.mark.parametrize("code", ["N", "R", "V"])
def test_how_confidential_a_report_is_goes_with_it(code: str) -> None:
    resource = read(message(cda(confidential=code))).resource
    assert resource is not None
    scale = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
    assert resource["meta"] == {"security": [{"system": scale, "code": code}]}


def test_a_script_is_left_out_and_markup_is_never_markup() -> None:
    script = (
        "<text>Before<script>alert(1)</script><x:script xmlns:x='http://www.w3.org/1999/xhtml'>alert(2)</x:script>"
        "<iframe src='https://elsewhere.example.org'>alert(3)</iframe>"
        "<content onclick='alert(4)'> after &lt;img src=x onerror=alert(5)&gt;</content></text>"
    )
    assert said(("A", script)) == ["A: Before after <img src=x onerror=alert(5)>"]


def test_unseen_characters_are_taken_out() -> None:
    assert said(("A\u202e", "<text>one\u200b\u0085two\tthree</text>")) == ["A: one two three"]


def test_what_is_long_is_cut_and_says_so() -> None:
    (part,) = said(("A", f"<text>{'word ' * 3_000}</text>"))
    assert len(part) == LONGEST_PART
    assert part.endswith("[The rest is in the report itself.]")
    assert len(said(*[("A", TEXT)] * 50)) == MOST_PARTS


def test_sections_inside_sections_and_none_at_all() -> None:
    inner = f"{TEXT}<component><section><title>Inner</title><text>deep</text></section></component>"
    assert said(("Outer", inner))[1] == "Inner: deep"
    assert said() == ["The report holds no text that can be shown. It is kept as it came."]


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": ""},
        {"number": "9990000000"},
        {"root": "2.16.840.1.113883.2.1.3.2.4.18.23"},
        {"family": ""},
        {"born": ""},
        {"born": "1941"},
        {"born": "19411302"},
        {"born": "\u0661\u0669\u0664\u0661\u0660\u0665\u0660\u0662"},
    ],
)
def test_a_report_that_names_nobody_for_certain_is_for_a_person_to_look_at(wrong: dict[str, str]) -> None:
    with pytest.raises(Untranslatable) as caught:
        read(message(cda(**wrong)))  # type: ignore[arg-type]
    assert "999" not in caught.value.why
    assert "Exampleby" not in caught.value.why


@pytest.mark.parametrize("time", ["", "2026", "20261302031500", "x"])
def test_a_time_that_cannot_be_read_is_none(time: str) -> None:
    arrived = read(message(cda(time=time)))
    assert arrived.sent == ""
    assert "sent" not in (arrived.resource or {})


def test_a_time_without_a_zone_is_london_s() -> None:
    assert read(message(cda(time="20260702031500"))).sent == "2026-07-02T02:15:00.000Z"


ENTITY = '<!DOCTYPE x [<!ENTITY a "aaaa">]>'
LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
PARAMETER = '<!DOCTYPE x [<!ENTITY % a SYSTEM "http://127.0.0.1:1/x"> %a;]>'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not xml",
        b"<a>",
        b"<a></b>",
        message(before="<!DOCTYPE x>"),
        message(before=ENTITY),
        message(before=LAUGHS),
        message(before=OUTSIDE),
        message(before=PARAMETER),
        message(before='<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">'),
        message().replace(b"</soap:Envelope>", b"&unknown;</soap:Envelope>"),
        b"<a>" * (MOST_DEPTH + 1) + b"</a>" * (MOST_DEPTH + 1),
        b"<a>" + b"<b/>" * MOST_ELEMENTS + b"</a>",
        b"<a " + b" ".join(b'x%d=""' % number for number in range(65)) + b"/>",
        b"<a>" + b" " * MOST_BYTES + b"</a>",
        b"\xff\xfe<a/>",
        b'<?xml version="1.0" encoding="nonsense"?><a/>',
        b"<a xmlns:x='y'><z:b/></a>",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_xml_that_is_none_or_does_harm_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidXml):
        read_xml(body)
    with pytest.raises(InvalidEnvelope):
        read_envelope(body, US)


def test_a_document_with_a_processing_instruction_is_only_read() -> None:
    style = '<?xml-stylesheet href="https://elsewhere.example.org/x.xsl"?>'
    assert read(message(before=style)).whom.family == "Exampleby"


@pytest.mark.parametrize(
    "body",
    [
        message(action="urn:nhs-itk:services:201005:SendNHS111Report-v3-0"),
        message(action=""),
        message(service="urn:nhs-itk:services:201005:SendCDADocument-v2-0"),
        message(tracking=""),
        message(tracking="a b"),
        message(tracking="x" * 65),
        message(to="urn:nhs-uk:addressing:ods:ZZOTH1"),
        message(to="ZZREC1"),
        message(to="urn:nhs-uk:addressing:ods:"),
        message(payload="uuid_2"),
        message(document="<ClinicalDocument/>"),
        message(document="<a xmlns='urn:hl7-org:v3'/>"),
        message(document=cda() + cda()),
        message().replace(b"schemas.xmlsoap.org/soap/envelope", b"www.w3.org/2003/05/soap-envelope"),
        message().replace(b"urn:nhs-itk:ns:201005", b"urn:other"),
        message().replace(b"<itk:payloads", b"<itk:payloads><itk:payload/></itk:payloads><itk:payloads"),
        b"<a/>",
    ],
)
def test_an_envelope_that_is_not_for_us_or_not_whole_is_refused_and_not_repeated(body: bytes) -> None:
    with pytest.raises(InvalidEnvelope) as caught:
        read_envelope(body, US)
    assert "999" not in caught.value.why
    assert "ZZOTH1" not in caught.value.why


def test_a_department_behind_our_code_is_ours() -> None:
    assert read_envelope(message(to="urn:nhs-uk:addressing:ods:ZZREC1:palliative"), US).tracking_id == TRACKING


def test_answers_are_well_formed_and_name_the_report_alone() -> None:
    answer = read_xml(accepted(read_envelope(message(), US)))
    assert [one.text for one in answer.every("Body/SimpleMessageResponse")] == [f"OK:{TRACKING}"]
    (action,) = answer.every("Header/Action")
    assert action.text == "urn:nhs-itk:services:201005:SendNHS111Report-v2-0Response"
    refused = read_xml(fault("A <b> & more.", "id-1"))
    (text,) = refused.every("Body/Fault/detail/ToolkitErrorInfo/ErrorText")
    assert text.text == "A <b> & more."
    (code,) = refused.every("Body/Fault/faultcode")
    assert code.text == "soap:Client"


async def test_a_report_waits_until_it_is_settled_and_twice_is_once() -> None:
    notes, settings = NotesInMemory(), Itk111Settings(US)
    adapter = Itk111Adapter(settings, notes)
    for _ in range(2):
        await store_report(notes, settings, message())
    await store_report(notes, settings, message(tracking="second"))
    waiting = (await adapter.poll("")).messages
    assert len(waiting) == 2
    first = next(one for one in waiting if one.original == message())
    assert adapter.arrived(first) == adapter.arrived(first) == Itk111Adapter(settings, notes).arrived(first)
    for _ in range(2):
        await adapter.settled(first)
    assert [one.original for one in (await adapter.poll("")).messages] == [message(tracking="second")]


async def test_one_tracking_id_has_one_content_while_it_waits() -> None:
    notes, settings = NotesInMemory(), Itk111Settings(US)
    await store_report(notes, settings, message())
    with pytest.raises(DifferentReport):
        await store_report(notes, settings, message(cda(family="Other"), tracking=TRACKING.lower()))


async def test_no_more_wait_than_may() -> None:
    notes, settings = NotesInMemory({"x": b"x" * (MOST_WAITING - len(message()))}), Itk111Settings(US)
    await store_report(notes, settings, message())
    with pytest.raises(Full):
        await store_report(notes, settings, message(tracking="second"))


async def test_nothing_is_given_to_a_111_service_and_what_cannot_be_read_is_kept_for_a_person() -> None:
    adapter = Itk111Adapter(Itk111Settings(US), NotesInMemory())
    with pytest.raises(ContentRefused):
        await given_by(adapter, parcel())
    with pytest.raises(Untranslatable):
        adapter.arrived(Message("m", b"<a/>"))
    await adapter.close()


def described(**more: Any) -> Partner:
    told = {"gets": False, "sends": True, "settings": {"addressed_to": ["ZZREC1"]}, **more}
    owner = Owner("Desk", "ZZ1110")
    return Partner(Description(name="nhs111", kind="itk-111", title="111", client="x", owner=owner, **told), Path())


@pytest.mark.parametrize(
    "wrong",
    [
        {"settings": {}},
        {"settings": {"addressed_to": []}},
        {"settings": {"addressed_to": ["no code"]}},
        {"settings": {"addressed_to": ["ZZREC1"], "more": 1}},
        {"gets": True},
        {"mapping": "x.json"},
        {"sends": False, "gets": True},
    ],
)
def test_a_description_that_does_not_fit_is_refused(wrong: dict[str, Any]) -> None:
    kind_of(described())
    with pytest.raises(InvalidConfiguration):
        kind_of(described(**wrong))


@given(st.binary(max_size=400))
def test_no_bytes_do_anything_but_be_refused(body: bytes) -> None:
    with pytest.raises(InvalidEnvelope):
        read_envelope(body, US)
