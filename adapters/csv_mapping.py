"""A mapping of CSV files: which columns there are, what they may hold, and which resource a row of each item is.

A mapping is data, one JSON file that a partner's description names (`docs/csv.md`), and is judged whole when it is
loaded: every mistake is named, and every template is filled with what its columns may hold and judged as FHIR. A row
about a decision must name its clinician with id, role and organisation, and when it was made (sharing rules 5.9), which
is seen from what the template makes and cannot be forgotten by whoever writes the mapping.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from adapters.csv_forms import LONGEST_TEXT, Column, Form
from adapters.csv_sample import decisions_of, problems_of_template
from adapters.csv_templates import slots

PERSON = "person"
AUTHOR = "author"
RESERVED = frozenset({PERSON, AUTHOR})
"""Slots that are no columns: a reference to the person of the row, and to its clinician."""
_MOST_COLUMNS = 200
_WORD = re.compile(r"[a-z][a-z0-9-]{0,63}")


class PersonColumns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The columns that say whom a row is about."""

    nhs_number: str
    family: str
    birth_date: str


class AuthorColumns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The columns that name the clinician of a row, with id, role and organisation, and when they said it."""

    id: str
    role: str
    organisation: str
    time: str
    name: str = ""


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """What a row of one item is. `needs`: columns that must not be empty.

    `loses`: elements that may be lost on the way out, `note`, or one extension of it, `extension:URL`.
    """

    resource: dict[str, Any]
    needs: tuple[str, ...] = ()
    loses: tuple[str, ...] = ()

    @cached_property
    def names(self) -> frozenset[str]:
        """The slots of the template."""
        return frozenset(name for name, _ in slots(self.resource))


class RowMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """A mapping file. `action`, `item`, `record` and `changed` are names of columns.

    `record` holds the partner's own id of what the row is about, and `changed` when the partner made or changed it.
    """

    person: PersonColumns
    action: str
    item: str
    record: str
    changed: str
    columns: dict[str, Column]
    items: dict[str, Item]
    author: AuthorColumns | None = None

    @cached_property
    def always(self) -> frozenset[str]:
        """Columns that are in every row, also where something is removed."""
        return frozenset({self.action, self.item, self.record, *msgspec.structs.astuple(self.person)})

    def required(self, word: str) -> frozenset[str]:
        """Return the columns that must not be empty where an item is put."""
        item = self.items[word]
        stated = {name for name, column in self.columns.items() if column.required}
        return self.always | stated | frozenset(item.needs) | self._author_columns(word)

    def _author_columns(self, word: str) -> frozenset[str]:
        if self.author is None or word not in self.decisions:
            return frozenset()
        return frozenset({self.author.id, self.author.role, self.author.organisation, self.author.time})

    @cached_property
    def decisions(self) -> frozenset[str]:
        """The items that are decisions."""
        return frozenset(word for word, item in self.items.items() if decisions_of(item.resource, self.columns))


def read_mapping(path: Path) -> tuple[RowMapping | None, list[str]]:
    """Read a mapping file; return it, or every mistake in it."""
    try:
        mapping = msgspec.json.decode(path.read_bytes(), type=RowMapping)
    except OSError as error:
        return None, [f"the mapping cannot be read ({error.strerror})"]
    except msgspec.MsgspecError as error:
        return None, [f"the mapping: {error}"]
    # templates are tried with what their columns hold, so the columns come first
    problems = list(_problems(mapping)) or [
        f"item `{word}`: {problem}"
        for word, item in mapping.items.items()
        for problem in _item_problems(mapping, word, item)
    ]
    return (None if problems else mapping), problems


def _problems(mapping: RowMapping) -> Iterator[str]:
    if not mapping.items:
        yield "`items` is empty"
    if not 0 < len(mapping.columns) <= _MOST_COLUMNS:
        yield f"`columns` has 1 to {_MOST_COLUMNS} columns"
    for name, column in mapping.columns.items():
        yield from (f"column `{name}` {problem}" for problem in _column_problems(name, column))
    named: list[tuple[str, str, tuple[Form, ...]]] = [
        ("person.nhs_number", mapping.person.nhs_number, ("nhs-number",)),
        ("person.family", mapping.person.family, ("text",)),
        ("person.birth_date", mapping.person.birth_date, ("date",)),
        ("action", mapping.action, ("code",)),
        ("item", mapping.item, ("code",)),
        ("record", mapping.record, ("id",)),
        ("changed", mapping.changed, ("date-time",)),
    ]
    if mapping.author is not None:
        author = mapping.author
        named += [
            ("author.id", author.id, ("id",)),
            ("author.role", author.role, ("text", "code")),
            ("author.organisation", author.organisation, ("organisation",)),
            ("author.time", author.time, ("date-time",)),
        ]
        named += [("author.name", author.name, ("text",))] if author.name else []
    for place, name, forms in named:
        found = mapping.columns.get(name)
        if found is None:
            yield f"`{place}` names no column"
        elif found.form not in forms:
            yield f"`{place}` names a column that is not of form {' or '.join(forms)}"
    if len({name for _, name, _ in named}) < len(named):
        yield "one column is named for two purposes"
    yield from _word_problems(mapping)


def _column_problems(name: str, column: Column) -> Iterator[str]:
    if not name or name in RESERVED or not name.isascii() or not name.isprintable() or name != name.strip():
        yield "has no usable name"
    if (column.form == "code") != bool(column.codes):
        yield "has `codes` if, and only if, its form is code"
    if not 0 < column.limit <= LONGEST_TEXT:
        yield f"has a `limit` of 1 to {LONGEST_TEXT}"
    for word in column.codes:
        if not word or not word.isprintable() or word != word.strip() or word[0] in "'=+-@":
            yield "has a word that cannot stand in a cell"
    meanings = [meant if isinstance(meant, str) else f"{meant.system}|{meant.code}" for meant in column.codes.values()]
    if len(set(meanings)) < len(meanings):
        yield "has two words of the same meaning, so that neither can be written"


def _word_problems(mapping: RowMapping) -> Iterator[str]:
    """Both are read by word: the code of an action is `put` or `remove`, and that of an item is the item's."""
    actions, items = mapping.columns.get(mapping.action), mapping.columns.get(mapping.item)
    if actions is not None and set(actions.codes.values()) != {"put", "remove"}:
        yield "the codes of the action column are `put` and `remove`"
    if items is not None and set(map(str, items.codes.values())) != set(mapping.items):
        yield "the codes of the item column are the items"


def _item_problems(mapping: RowMapping, word: str, item: Item) -> Iterator[str]:
    columns = mapping.columns
    if not _WORD.fullmatch(word):
        yield "is not named by lower-case letters, digits and hyphens"
    for name in item.needs:
        if name not in columns:
            yield f"`needs` names `{name}`, which is no column"
    unknown = False
    for name, whole in slots(item.resource):
        if name == AUTHOR and mapping.author is None:
            yield "has a slot for the author, and no columns for one"
            unknown = True
        elif name not in columns and name not in RESERVED:
            yield f"has a slot `{name}`, which is no column"
            unknown = True
        elif not whole and (name in RESERVED or columns[name].form == "code"):
            yield f"has the slot `{name}` inside a longer text, where it has no meaning"
            unknown = True
    if PERSON not in item.names:
        yield "has no slot for the person"
    if unknown:
        return
    required = mapping.always | {name for name, column in columns.items() if column.required} | set(item.needs)
    if decisions_of(item.resource, columns):
        if mapping.author is None or AUTHOR not in item.names or mapping.author.time not in item.names:
            yield "is a decision, and its clinician or its time is nowhere in the resource (sharing rules 5.9)"
            return
        author = mapping.author
        required |= {author.id, author.role, author.organisation, author.time}
    always_authored = mapping.author is not None and mapping.author.id in required
    yield from problems_of_template(item.resource, columns, required, always_authored=always_authored)
