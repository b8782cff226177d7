"""XML from outside, read into a plain tree and nothing more.

What is guaranteed, against whoever sends: no document type, so no entity of any kind is declared or resolved; nothing
outside is fetched; bytes, depth, elements and attributes are bounded; processing instructions do nothing. What is read
is data: no markup of it is ever shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

MOST_BYTES = 1024 * 1024
MOST_DEPTH = 64
MOST_ELEMENTS = 20_000
MOST_ATTRIBUTES = 64


class NotXml(Exception):
    """It cannot be read, or is not to be; the message repeats nothing of it."""


@dataclass(slots=True)
class Element:
    """One element. `space` is its namespace, '' for none; `parts` are texts and elements in their order."""

    space: str
    name: str
    attributes: dict[str, str] = field(repr=False)
    parts: list[str | Element] = field(default_factory=list, repr=False)

    def children(self, name: str) -> Iterator[Element]:
        """Yield the children of a local name, in this element's own namespace or any other."""
        return (one for one in self.parts if isinstance(one, Element) and one.name == name)

    def at(self, path: str) -> Element | None:
        """Return the first element at a path of local names (`header/addresslist`), None where there is none."""
        return next(self.every(path), None)

    def every(self, path: str) -> Iterator[Element]:
        """Yield every element at a path of local names."""
        first, _, rest = path.partition("/")
        for child in self.children(first):
            yield from child.every(rest) if rest else (child,)

    @property
    def text(self) -> str:
        """Its own text, without that of its children."""
        return "".join(one for one in self.parts if isinstance(one, str)).strip()


def read_xml(document: bytes) -> Element:
    """Return the root element; raise NotXml."""
    if len(document) > MOST_BYTES:
        raise NotXml("it is too large")
    reading = _Reading()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.text
    parser.StartDoctypeDeclHandler = reading.doctype
    parser.EntityDeclHandler = reading.doctype
    parser.ExternalEntityRefHandler = reading.outside
    try:
        parser.Parse(document, True)
    except (expat.ExpatError, ValueError, LookupError):
        raise NotXml("it is not well-formed") from None
    assert reading.root is not None
    return reading.root


class _Reading:
    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MOST_ELEMENTS or len(self._open) >= MOST_DEPTH or len(attributes) > MOST_ATTRIBUTES:
            raise NotXml("it has too many elements, or too many inside one another")
        space, _, local = name.rpartition(" ")
        element = Element(space, local, attributes)
        if self._open:
            self._open[-1].parts.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, name: str) -> None:
        self._open.pop()

    def text(self, text: str) -> None:
        self._open[-1].parts.append(text)

    def doctype(self, *declared: object) -> None:
        raise NotXml("it declares a document type")

    def outside(self, *named: object) -> int:
        raise NotXml("it refers to something outside")
