"""STU3 messages as XML: what is written is read again, and nothing of a text is an element."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.itk_xml import FHIR, element, write
from adapters.safe_xml import read_xml

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1)


@given(WORDS)
def test_what_is_written_is_read_again(words: str):
    written = write(element("Bundle", element("id", value=words)))
    assert written.count(b"<") == 4  # declaration, start, child, end: nothing of the words is an element
    assert FHIR.encode() in written
    assert read_xml(written).value("id") == words


def test_script_in_a_text_is_text():
    words = "<script>x()</script>"
    assert read_xml(write(element("Bundle", element("id", value=words)))).value("id") == words


@pytest.mark.parametrize("bad", ["\x00", "\x0b", "\ud800", "\uffff"])
def test_what_xml_has_no_place_for_is_not_written(bad: str):
    with pytest.raises(ValueError, match="no place"):
        element("id", value=f"a{bad}")
