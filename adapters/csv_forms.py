"""What one cell of a CSV file may hold, and what it means: read strictly, written so that it reads back the same.

No sentence repeats a cell. A cell that a spreadsheet would take for a formula is data on the way in and gets an
apostrophe on the way out; the apostrophe of such a cell is taken off on the way in, so that nothing is lost by going
out and coming back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal

import msgspec

from fhir_profiles.errors import InvalidNhsNumber
from fhir_profiles.identifiers import NhsNumber, is_ods_code

Form = Literal["nhs-number", "organisation", "id", "date", "date-time", "code", "text"]
Value = str | dict[str, Any]
"""Of a code that has a system, a Coding; else a string."""

LONGEST_TEXT = 10_000
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff]")
# what spreadsheets take for the start of a formula, also in full-width letters, behind any number of apostrophes
_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


class Coding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a word of a code column means in FHIR."""

    system: str
    code: str
    display: str = ""


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One column. `required`: in every row that puts something. `limit`: characters of a text.

    `codes` are the words that a code column may hold: each a Coding, or a plain FHIR code (`active`).
    """

    form: Form
    required: bool = False
    limit: int = 1000
    codes: Mapping[str, Coding | str] = {}


class BadCell(Exception):
    """A cell is not of its column's form; the message is a sentence for whoever made the file."""


def read_cell(column: Column, cell: str) -> Value:
    """Return what a cell that is not empty means; raise BadCell."""
    if _CONTROL.search(cell):
        raise BadCell("holds a character that is no text")
    return _READERS[column.form](column, _unescaped(cell))


def write_cell(column: Column, value: object) -> str | None:
    """Return the cell that reads back as `value`; None where none does.

    A date stands for a time where no more is known: nobody's decision is kept from a reader for that, but whoever sends
    one to us says when it was made.
    """
    if column.form == "date-time" and isinstance(value, str) and _DATE.fullmatch(value):
        column = msgspec.structs.replace(column, form="date")
    cell = _word(column, value) if column.form == "code" else value
    if not isinstance(cell, str) or not cell:
        return None
    escaped = f"'{cell}" if _FORMULA.match(cell) else cell
    try:
        read = read_cell(column, escaped)
    except BadCell:
        return None
    # a Coding is the same whatever its display
    return escaped if column.form == "code" or read == value else None


def _unescaped(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _nhs_number(_: Column, cell: str) -> str:
    try:
        return NhsNumber.written(cell).value
    except InvalidNhsNumber:
        raise BadCell("is not an NHS number") from None


def _organisation(_: Column, cell: str) -> str:
    if not is_ods_code(cell):
        raise BadCell("is not an organisation code (ODS)")
    return cell


def _id(_: Column, cell: str) -> str:
    if not _ID.fullmatch(cell):
        raise BadCell("is not 1 to 64 letters, digits, dots and hyphens")
    return cell


def _date(_: Column, cell: str) -> str:
    try:
        if _DATE.fullmatch(cell):
            date.fromisoformat(cell)
            return cell
    except ValueError:
        pass
    raise BadCell("is not a date written YYYY-MM-DD")


def _date_time(_: Column, cell: str) -> str:
    try:
        if _DATE_TIME.fullmatch(cell):
            datetime.fromisoformat(cell)
            return cell
    except ValueError:
        pass
    raise BadCell("is not a time with its zone, written YYYY-MM-DDThh:mm:ss+hh:mm")


def _code(column: Column, cell: str) -> Value:
    meant = column.codes.get(cell)
    if meant is None:
        raise BadCell("is not one of the words of this column")
    if isinstance(meant, str):
        return meant
    coding = {"system": meant.system, "code": meant.code}
    return coding | {"display": meant.display} if meant.display else coding


def _text(column: Column, cell: str) -> str:
    if len(cell) > column.limit:
        raise BadCell(f"is longer than {column.limit} characters")
    if not cell.strip():
        raise BadCell("holds nothing but space")
    return cell


def _word(column: Column, value: object) -> str | None:
    for word, meant in column.codes.items():
        if isinstance(meant, str):
            if value == meant:
                return word
        elif isinstance(value, dict) and (value.get("system"), value.get("code")) == (meant.system, meant.code):
            return word
    return None


_READERS = {
    "nhs-number": _nhs_number,
    "organisation": _organisation,
    "id": _id,
    "date": _date,
    "date-time": _date_time,
    "code": _code,
    "text": _text,
}
