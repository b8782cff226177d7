"""What tells in a text, by its look alone, where somebody is (rule 5.6): telephone numbers, postcodes, street and
e-mail addresses, co-ordinates, codes of key safes. The one place that knows what such things look like.

Written to find too much rather than too little, except where that would take a dose or a date out of a plan.
"""

from __future__ import annotations

import re
import unicodedata

from fhir_profiles.identifiers import is_nhs_number

MASK = "[withheld for this person's safety]"
"""What stands in a text for what was taken out of it."""

GAP = r"[\s().\-\u2010-\u2015\u2212/\u00b7]{0,3}"
"""What people write between the digits of one number."""

_DATE = (
    r"(?<!\d)(?:\d{4}-\d\d-\d\d|(?:0?[1-9]|[12]\d|3[01])(?P<sep>[./-])(?:0?[1-9]|1[0-2])(?P=sep)(?:(?:19|20)\d\d|\d\d))"
    r"(?!\d|[./-]\d)"
)
_ABROAD = rf"(?:\+|(?<!\d)00){GAP}[1-9](?:{GAP}\d){{7,14}}(?!\d)"
_NATIONAL = rf"\(?(?<!\d)0(?:(?:{GAP}\d){{9,10}}(?!\d)|\d{{9,}})"
_MOBILE = rf"(?<!\d)7(?:{GAP}\d){{9}}(?!\d)"
_POSTCODE = (
    r"(?<![A-Za-z0-9])(?:[A-Z]{1,2}\d[A-Z\d]?[\s.\-]{0,3}\d[ABD-HJLNP-UW-Z]{2}|ZZ\d\d?[\s.\-]{0,3}\d[A-Z]{2}|GIR\s?0AA)"
    r"(?![A-Za-z0-9])"
)
"""The last two letters of a postcode are none of C I K M O V, so that `B12 1mg` is none."""
_MAIL = r"[^\s@<>\"(),;]+@[^\s@<>\"(),;]+\.[a-z]{2,}"
_WEB = r"(?:https?://|www\.)[^\s<>\"]+|///\w+\.\w+\.\w+"
_COORDINATES = r"-?\d{1,2}\.\d{3,}\s*[,;/]?\s*-?\d{1,3}\.\d{3,}"
_NUMBERS = re.compile(
    rf"(?P<date>{_DATE})|(?P<mobile>{_MOBILE})|{_ABROAD}|{_NATIONAL}|{_POSTCODE}|{_MAIL}|{_WEB}|{_COORDINATES}",
    re.IGNORECASE,
)
_NAME = r"[\w'\u2019-]*[ \t]+"
_WAYS = "street|st|road|rd|avenue|ave|lane|ln|close|drive|way|court|crescent|gardens|grove|place|terrace|square|mews"
_STREET = re.compile(
    rf"\b\d{{1,4}}[A-Za-z]?,?[ \t]+(?:[A-Z]{_NAME}){{1,3}}(?i:{_WAYS})\b"
    rf"|\b\d{{1,4}}[a-z]?,?[ \t]+(?:\w{_NAME}){{1,2}}(?:street|road|avenue|lane|crescent)\b"
)
"""A house number, then a name and what sort of way it is; in small letters only where that is no common word."""
_LOCKS = re.compile(
    r"key[\s-]*safe|key[\s-]*(?:box|code)|(?:door|entry|gate|access|lock|safe|alarm)[\s-]*(?:code|number|no\b|pin)",
    re.IGNORECASE,
)
_CODE = re.compile(r"(?<![\w.])[A-Z]?\d{3,8}[A-Z#*]?(?![\w.]*\d)(?!\s?(?:mg|mcg|ml|microgram|g\b|unit))", re.IGNORECASE)
_MAY_PLACE = re.compile(r"[\d@]|www\.|//")


def without_places(text: str) -> str:
    """Return a text with everything masked that looks as if it told where somebody is."""
    if not text.isascii():
        text = plain_digits(text)
    if _MAY_PLACE.search(text) is None:
        return text
    masked = _STREET.sub(MASK, _NUMBERS.sub(_masked, text))
    if _LOCKS.search(masked):
        masked = _CODE.sub(MASK, masked)
    return masked


def names_a_lock(text: str) -> bool:
    """Tell whether a text speaks of a key safe or of a code that opens a door."""
    return _LOCKS.search(text) is not None


def plain_digits(text: str) -> str:
    """Return a text with the digits of every script as 0 to 9, and without characters that nobody sees."""
    return "".join(
        str(unicodedata.digit(one)) if one.isdecimal() else one for one in text if unicodedata.category(one) != "Cf"
    )


def _masked(found: re.Match[str]) -> str:
    if found["date"]:
        return found[0]
    if found["mobile"] and is_nhs_number("".join(filter(str.isdigit, found[0]))):
        return found[0]
    return MASK
