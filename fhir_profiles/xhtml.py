"""What a narrative may hold: the XHTML that FHIR allows, and nothing that runs, loads or submits.

Guards those who show `text.div` to people: no script, event handler, form, frame, style that loads, or link other than
to http(s), mail, telephone or the same page. It judges; it never cleans.
"""

from __future__ import annotations

import re
from html.entities import name2codepoint
from xml.etree import ElementTree

_XHTML = "{http://www.w3.org/1999/xhtml}"
_ELEMENTS = frozenset(
    """a abbr acronym address b bdo big blockquote br caption cite code col colgroup dd del dfn div dl dt em h1 h2 h3 h4
    h5 h6 hr i img ins kbd li ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt u ul
    var""".split()
)
_ATTRIBUTES = frozenset(
    """abbr accesskey align alt axis border cellhalign cellpadding cellspacing cellvalign char charoff charset cite
    class colspan compact coords dir frame headers height href hreflang hspace id lang longdesc name noshade nowrap rel
    rev rowspan rules scope shape span src start style summary tabindex title type valign value vspace width""".split()
) | {"{http://www.w3.org/XML/1998/namespace}lang", "{http://www.w3.org/XML/1998/namespace}space"}
_IGNORED_IN_URLS = re.compile(r"[\s\x00-\x1f]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_LINK_SCHEMES = frozenset({"http", "https", "mailto", "tel"})
_PICTURE = re.compile(r"#.*|data:image/(?:png|gif|jpeg);base64,.*|[A-Za-z0-9_.-][A-Za-z0-9_./-]*")
_LOADING_STYLE = re.compile(r"url|expression|import|behavior|binding|\\|/\*", re.IGNORECASE)
_NAMED = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
_OF_XML = frozenset({"amp", "lt", "gt", "quot", "apos"})


def is_safe_narrative(value: object) -> bool:
    """Tell whether `value` is one XHTML `div` with content, of allowed elements and attributes only."""
    if not isinstance(value, str) or "<!" in value.replace("<!--", "") or "<?" in value:
        return False
    try:
        root = ElementTree.fromstring(_NAMED.sub(_character, value))
    except (ElementTree.ParseError, ValueError, RecursionError):
        return False
    if root.tag != f"{_XHTML}div":
        return False
    has_content = False
    for element in root.iter():
        if not _is_allowed(element):
            return False
        has_content = has_content or element.tag == f"{_XHTML}img" or _says_something(element)
    return has_content


def _is_allowed(element: ElementTree.Element) -> bool:
    if not element.tag.startswith(_XHTML) or element.tag[len(_XHTML) :] not in _ELEMENTS:
        return False
    for name, value in element.attrib.items():
        if name not in _ATTRIBUTES:
            return False
        if name in ("href", "cite", "longdesc") and not _leads_somewhere_harmless(value):
            return False
        if name == "src" and not _PICTURE.fullmatch(value.strip()):
            return False
        if name == "style" and _LOADING_STYLE.search(value):
            return False
    return True


def _leads_somewhere_harmless(link: str) -> bool:
    scheme = _SCHEME.match(_IGNORED_IN_URLS.sub("", link))
    return scheme is None or scheme[1].lower() in _LINK_SCHEMES


def _says_something(element: ElementTree.Element) -> bool:
    return bool((element.text and element.text.strip()) or (element.tail and element.tail.strip()))


def _character(named: re.Match[str]) -> str:
    name = named[1]
    if name in _OF_XML or name not in name2codepoint:
        return named[0]
    return f"&#{name2codepoint[name]};"
