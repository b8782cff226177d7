"""What a verification found to be wrong: places and plain words, nothing of a person."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, frozen=True, order=True):
    """One thing that is wrong. What does not apply is empty or 0.

    `record` and `chain` are ids in hex, `sequence` a record's commit, `place` a place in a chain, a piece or a line.
    """

    table: str
    record: str = ""
    sequence: int = 0
    chain: str = ""
    place: str = ""
    what: str = ""

    def cells(self) -> tuple[str, str, str, str, str, str]:
        """Return the finding as a row of the table that is printed."""
        return (self.table, self.record, str(self.sequence or ""), self.chain, self.place, self.what)


COLUMNS = ("table", "record", "sequence", "chain", "place", "what is wrong")


def table(findings: list[Finding]) -> list[str]:
    """Return the lines of a table; columns that nothing is in are left out."""
    rows = [COLUMNS, *(finding.cells() for finding in findings)]
    used = [number for number in range(len(COLUMNS)) if any(row[number] for row in rows[1:])]
    widths = {number: max(len(row[number]) for row in rows) for number in used}
    return ["  ".join(row[number].ljust(widths[number]) for number in used).rstrip() for row in rows]
