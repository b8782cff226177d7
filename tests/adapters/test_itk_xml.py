"""XML of STU3 messages: what is written is read again, and nothing hostile is read at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.itk_xml import DEEPEST, FHIR, LARGEST, MOST_ELEMENTS, NotReadable, element, read, value_at, write

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1)
BOMB = b"""<!DOCTYPE b [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<Bundle xmlns="http://hl7.org/fhir"><id value="&b;"/></Bundle>"""
HOSTILE = {
    "a bomb of entities": BOMB,
    "an entity that nobody uses": b'<!DOCTYPE b [<!ENTITY a "ha">]><Bundle xmlns="http://hl7.org/fhir"/>',
    "a file of ours": b'<!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/hostname">]><Bundle><id value="1"/>&a;</Bundle>',
    "an address elsewhere": b'<!DOCTYPE b SYSTEM "http://127.0.0.1:9/b.dtd"><Bundle/>',
    "a parameter entity": b'<!DOCTYPE b [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p">%p;]><Bundle/>',
    "a document type alone": b"<!DOCTYPE Bundle><Bundle/>",
    "an instruction to a program": b'<?xml-stylesheet href="http://127.0.0.1:9/x.xsl"?><Bundle/>',
    "too deep": b"<a>" * (DEEPEST + 1) + b"</a>" * (DEEPEST + 1),
    "too many elements": b"<a>" + b"<b/>" * MOST_ELEMENTS + b"</a>",
    "too large": b"<a>" + b" " * LARGEST + b"</a>",
    "nothing": b"",
    "no XML": b"\x1f\x8b\x08",
    "cut short": b"<Bundle><id",
    "two roots": b"<a/><b/>",
    "an unknown encoding": b'<?xml version="1.0" encoding="EBCDIC-XX"?><a/>',
    "an undefined entity": b"<a>&nbsp;</a>",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_nothing_hostile_is_read(content: bytes):
    with pytest.raises(NotReadable) as caught:
        read(content)
    assert "ha" not in str(caught.value).split()


def test_as_deep_and_as_many_as_allowed_is_read():
    assert read(b"<a>" * DEEPEST + b"</a>" * DEEPEST).tag == "{}a"
    assert len(read(b"<a>" + b"<b/>" * (MOST_ELEMENTS - 1) + b"</a>")) == MOST_ELEMENTS - 1


def test_names_of_other_namespaces_are_not_taken_for_fhirs():
    root = read(b'<Bundle xmlns="http://hl7.org/fhir" xmlns:x="urn:x"><x:id value="1"/><id value="2"/></Bundle>')
    assert value_at(root, "id") == "2"


def test_script_in_a_text_is_text():
    root = read(b'<a xmlns="http://hl7.org/fhir"><b value="&lt;script&gt;x()&lt;/script&gt;"/></a>')
    assert value_at(root, "b") == "<script>x()</script>"


@given(WORDS)
def test_what_is_written_is_read_again(words: str):
    written = write(element("Bundle", element("id", value=words)))
    assert written.count(b"<") == 4  # declaration, start, child, end: nothing of the words is an element
    assert FHIR.encode() in written
    assert value_at(read(written), "id") == words


@pytest.mark.parametrize("bad", ["\x00", "\x0b", "\ud800", "\uffff"])
def test_what_xml_has_no_place_for_is_not_written(bad: str):
    with pytest.raises(ValueError, match="no place"):
        element("id", value=f"a{bad}")
