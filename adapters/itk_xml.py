"""FHIR STU3 as XML, written and read with nothing in it that a parser could be made to do.

Guards whoever reads what came by MESH: any declaration of a document type or an entity, and any processing instruction,
ends the reading before it takes effect, so that nothing is expanded and nothing outside is looked at. What is larger,
deeper or longer than a reply can be is not read to its end. Text is data here, whatever it says: nobody runs or shows
it. It judges, and never cleans.
"""

from __future__ import annotations

import re
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder, tostring
from xml.parsers import expat

FHIR = "http://hl7.org/fhir"
LARGEST = 16 * 1024 * 1024
DEEPEST = 64
MOST_ELEMENTS = 20_000
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class NotReadable(Exception):
    """It is not XML, or not XML that is read here. The message repeats nothing of it."""


def read(content: bytes) -> Element:
    """Return the root of a document; names in FHIR's namespace are plain, others `{namespace}name`."""
    if len(content) > LARGEST:
        raise NotReadable("it is too large")
    parser = expat.ParserCreate(namespace_separator=" ")
    builder, counted = TreeBuilder(), [0, 0]

    def start(name: str, attributes: dict[str, str]) -> None:
        counted[0] += 1
        counted[1] += 1
        if counted[0] > DEEPEST or counted[1] > MOST_ELEMENTS:
            raise NotReadable("it has too many elements, or too deep")
        builder.start(_plain(name), attributes)

    def end(name: str) -> None:
        counted[0] -= 1
        builder.end(_plain(name))

    def refuse(*_: object) -> NoReturn:
        raise NotReadable("it declares a document type or an entity, or instructs a program")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    parser.ProcessingInstructionHandler = refuse
    try:
        parser.Parse(content, True)
        return builder.close()
    except (expat.ExpatError, ValueError, LookupError):
        raise NotReadable("it is not XML") from None


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


def value_at(root: Element, path: str) -> str:
    """Return the `value` of the first element at a path, '' where there is none."""
    found = root.find(path)
    return "" if found is None else found.get("value", "")


def _plain(name: str) -> str:
    namespace, _, local = name.rpartition(" ")
    return local if namespace == FHIR else f"{{{namespace}}}{local}"
