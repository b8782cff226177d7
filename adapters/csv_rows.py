"""CSV files as rows: read whole or refused whole, with every problem named by row and column and no value repeated.

A file is UTF-8 (a byte order mark is allowed), separated by commas, quoted as RFC 4180 says, its first row the names of
the columns. Rows are counted as a spreadsheet counts them: the header is row 1.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.csv_forms import BadCell, read_cell
from adapters.csv_mapping import RowMapping

MOST_PROBLEMS = 1000


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong: `row` 0 is the file as a whole, `column` '' the row as a whole."""

    row: int
    column: str
    sentence: str


class FileRefused(Exception):
    """A file has problems, and is not taken."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)[: MOST_PROBLEMS + 1]
        super().__init__(f"{len(self.problems)} problems")


@dataclass(frozen=True, slots=True)
class Row:
    """One good row: `values` by column, of the cells that are not empty; `original` is the header and the row."""

    number: int
    values: Mapping[str, Any] = field(repr=False)
    original: bytes = field(repr=False)


def read_rows(content: bytes, mapping: RowMapping, most_rows: int) -> list[Row]:
    """Return the rows of a file; raise FileRefused with all its problems."""
    lines = _Lines(_decoded(content))
    reader = csv.reader(lines, strict=True)
    try:
        header = next(reader, None)
    except csv.Error:
        raise _refused("the header is not valid CSV") from None
    header_bytes = lines.taken()
    if header is None:
        raise _refused("the file is empty")
    problems = list(_header_problems(header, mapping))
    if problems:
        raise FileRefused(problems)
    rows: list[Row] = []
    records: dict[tuple[str, str], int] = {}
    for number, cells in _numbered(reader, problems):
        original = header_bytes + lines.taken()
        if number - 1 > most_rows:
            problems.append(Problem(0, "", f"the file has more than {most_rows} rows"))
            break
        if not cells:
            continue  # a line with nothing on it, as some programs put at the end
        if len(problems) > MOST_PROBLEMS:
            problems[MOST_PROBLEMS:] = [Problem(0, "", f"there are more problems than the {MOST_PROBLEMS} listed")]
            break
        values, wrong = read_row(dict(zip(header, cells, strict=False)), mapping)
        if len(cells) != len(header):
            wrong = [("", f"has {len(cells)} cells, and the header {len(header)}")]
        problems += (Problem(number, column, sentence) for column, sentence in wrong)
        problems += _again(number, values, records, mapping)
        if not wrong:
            rows.append(Row(number, values, original))
    if problems:
        raise FileRefused(problems)
    return rows


def read_row(cells: Mapping[str, str], mapping: RowMapping) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return the values of a row and what is wrong with it, by column. An empty cell has no value."""
    values: dict[str, Any] = {}
    wrong: list[tuple[str, str]] = []
    for name, cell in cells.items():
        if cell:
            try:
                values[name] = read_cell(mapping.columns[name], cell)
            except BadCell as bad:
                wrong.append((name, str(bad)))
    named = {name for name, _ in wrong}
    if values.get(mapping.action) == "put" and values.get(mapping.item) in mapping.items:
        required = mapping.required(values[mapping.item])
    else:
        required = mapping.always
    wrong += ((name, "is empty") for name in sorted(required - values.keys() - named))
    return values, wrong


def write_rows(rows: Iterable[Mapping[str, str]], mapping: RowMapping) -> bytes:
    """Return a file of these cells. Every cell is quoted, so that no cell can end early."""
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(mapping.columns), restval="", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


class _Lines(Iterator[str]):
    """The lines of a text, which remembers those that made up the last row."""

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self._taken: list[str] = []

    def __next__(self) -> str:
        line = next(self._lines)
        self._taken.append(line)
        return line

    def taken(self) -> bytes:
        """Return the lines since the last call, ended by a line break."""
        text = "".join(self._taken)
        self._taken.clear()
        return (text if text.endswith(("\n", "\r")) else f"{text}\r\n").encode()


def _numbered(reader: Iterator[list[str]], problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    """Yield row numbers and cells; what is no CSV ends the file, since nobody can tell where the next row begins."""
    number = 1
    while True:
        number += 1
        try:
            cells = next(reader, None)
        except csv.Error:
            problems.append(Problem(number, "", "is not valid CSV: a quotation mark is missing or misplaced"))
            return
        if cells is None:
            return
        yield number, cells


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _refused("the file is UTF-16; save it as UTF-8 (byte 0)")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused(f"the file is not UTF-8 (byte {error.start}, counted from 0)") from None


def _header_problems(header: list[str], mapping: RowMapping) -> Iterator[Problem]:
    """Name unknown columns by their place: what stands there may be somebody's data, where the header is missing."""
    if len(header) > len(mapping.columns):
        yield Problem(1, "", f"has {len(header)} columns, and the mapping {len(mapping.columns)}")
        return
    if len(header) == 1 and len(mapping.columns) > 1:
        yield Problem(1, "", "has one column; columns are separated by commas")
        return
    for place, name in enumerate(header, start=1):
        if name not in mapping.columns:
            yield Problem(1, "", f"column {place} is not one of the mapping")
        elif name in header[: place - 1]:
            yield Problem(1, name, "is there twice")
    always = mapping.always | {name for name, column in mapping.columns.items() if column.required}
    for name in mapping.columns:
        if name in always and name not in header:
            yield Problem(1, name, "is missing")


def _again(
    number: int, values: Mapping[str, Any], records: dict[tuple[str, str], int], mapping: RowMapping
) -> Iterator[Problem]:
    """Refuse two rows about one record: which of them holds is nothing that we may guess."""
    item, record = values.get(mapping.item), values.get(mapping.record)
    if item is None or record is None:
        return
    before = records.setdefault((str(item), record), number)
    if before != number:
        yield Problem(number, mapping.record, f"is the record of row {before} again")


def _refused(sentence: str) -> FileRefused:
    return FileRefused([Problem(0, "", sentence)])
