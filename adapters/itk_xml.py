"""FHIR STU3 written as XML. What comes from outside is read by `adapters.safe_xml`. Pure."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, tostring

FHIR = "http://hl7.org/fhir"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(root: Element) -> bytes:
    """Return a document as bytes, the same for the same tree."""
    root.set("xmlns", FHIR)
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def element(name: str, *inside: Element, value: str = "", **attributes: str) -> Element:
    """Return an element; raise ValueError for a character that XML has no place for."""
    made = Element(name, attributes)
    if value:
        made.set("value", value)
    if any(_NOT_XML.search(one) for one in made.attrib.values()):
        raise ValueError("a text has a character that XML has no place for")
    made.extend(inside)
    return made
