"""XML from outside, read as data: no document type, no entities, nothing fetched, and only so much of it.

What it guards against, from whoever can put bytes before us: entities that grow without end or read files (they need a
document type, which is refused when it begins), nesting that exhausts the stack, documents that exhaust memory. What is
inside (text, attributes, a script in a narrative) is text and stays text: nothing here is ever run or shown.
What it does not do: judge whether the document is what it should be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat  # its only use: with a document type refused, none of what it is feared for is reached

MOST_BYTES = 1_000_000
MOST_DEPTH = 64
MOST_ELEMENTS = 20_000
MOST_ATTRIBUTES = 64
_BETWEEN = " "
"""Stands between a namespace and a name: neither can have it inside."""
_ENCODINGS = frozenset({"utf-8", "us-ascii"})


class InvalidXml(Exception):
    """It is not XML that we read. The message says why, and repeats nothing of it."""


@dataclass(slots=True)
class Element:
    """One element: name without prefix, its namespace ('' for none), attributes as written, what is inside.

    `parts` are texts and elements in the order in which they stand; `children` the elements, `text` the texts together.
    """

    name: str
    namespace: str
    attributes: dict[str, str] = field(repr=False)
    children: list[Element] = field(default_factory=list, repr=False)
    text: str = field(default="", repr=False)
    parts: list[str | Element] = field(default_factory=list, repr=False)

    def all(self, *path: str) -> Iterator[Element]:
        """Yield what lies at a path of names below this element, in this element's namespace."""
        if not path:
            yield self
            return
        for child in self.children:
            if child.name == path[0] and child.namespace == self.namespace:
                yield from child.all(*path[1:])

    def first(self, *path: str) -> Element | None:
        """Return the first of `all`, None where there is none."""
        return next(self.all(*path), None)

    def every(self, path: str) -> Iterator[Element]:
        """Yield what lies at a path of names (`header/addresslist`), in whichever namespaces."""
        name, _, rest = path.partition("/")
        for child in self.children:
            if child.name == name:
                yield from child.every(rest) if rest else (child,)

    def at(self, path: str) -> Element | None:
        """Return the first of `every`, None where there is none."""
        return next(self.every(path), None)

    def value(self, *path: str) -> str:
        """Return the attribute `value` of the first at a path, as FHIR writes its primitives; '' where it has none."""
        found = self.first(*path)
        return "" if found is None else found.attributes.get("value", "")


def read_xml(body: bytes, *, most_bytes: int = MOST_BYTES) -> Element:
    """Return the root of a document; raise InvalidXml."""
    if len(body) > most_bytes:
        raise InvalidXml("it is too large")
    return _Reading().of(body)


class _Reading:
    """One document being read."""

    def __init__(self) -> None:
        self._open: list[Element] = []
        self._root: Element | None = None
        self._count = 0

    def of(self, body: bytes) -> Element:
        """Read it."""
        parser = expat.ParserCreate(namespace_separator=_BETWEEN)
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declared
        parser.StartDoctypeDeclHandler = _no_document_type
        parser.StartElementHandler = self._begins
        parser.EndElementHandler = self._ends
        parser.CharacterDataHandler = self._says
        try:
            parser.Parse(body, True)
        except expat.ExpatError:
            raise InvalidXml("it is not well-formed") from None
        except UnicodeError:
            raise InvalidXml("its characters are not in the encoding that it names") from None
        if self._root is None:
            raise InvalidXml("it is empty")
        return self._root

    def _declared(self, _version: str, encoding: str | None, _standalone: int) -> None:
        # others are read by tables of this machine, and no national message has them
        if encoding is not None and encoding.lower() not in _ENCODINGS:
            raise InvalidXml("its encoding is not UTF-8")

    def _begins(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) >= MOST_DEPTH:
            raise InvalidXml("it is nested too deeply")
        if self._count > MOST_ELEMENTS:
            raise InvalidXml("it has too many elements")
        if len(attributes) > MOST_ATTRIBUTES:
            raise InvalidXml("an element has too many attributes")
        namespace, _, local = name.rpartition(_BETWEEN)
        element = Element(local, namespace, attributes)
        if self._open:
            self._open[-1].children.append(element)
            self._open[-1].parts.append(element)
        else:
            self._root = element
        self._open.append(element)

    def _ends(self, _name: str) -> None:
        ended = self._open.pop()
        ended.text = "".join(part for part in ended.parts if isinstance(part, str))

    def _says(self, text: str) -> None:
        self._open[-1].parts.append(text)


def _no_document_type(*_: object) -> NoReturn:
    raise InvalidXml("it has a document type, which no message needs")
