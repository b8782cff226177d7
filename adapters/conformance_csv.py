"""What a partner that exchanges files keeps: folders that are written and read as `docs/csv.md` says, sealed files.

Both folders are looked at from our side. That the partner can open a file is shown with the private key of its test
system, where that is given.
"""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from adapters.base import Resource
from adapters.conformance_rules import Broken, Checks, NotApplicable, rule
from adapters.conformance_trial import Trial
from adapters.csv_folder import DONE, REFUSED, appear, waiting
from adapters.csv_mapping import RowMapping, read_mapping
from adapters.csv_rows import FileRefused, read_rows, write_rows
from adapters.csv_seal import NotSealed, read_own_key, read_public_key, seal, unseal
from adapters.csv_settings import CsvSettings
from adapters.csv_translate import Cells, written_of
from adapters.partners import Partner
from adapters.settings import read_settings

CSV: Checks = []
_DOC = "docs/csv.md"


class CsvSight:
    """A look at the folders. `opens_with` is the partner's private key, None where it is not given."""

    keeps = False

    def __init__(self, partner: Partner, run: str, opens_with: Path | None) -> None:
        settings = read_settings(partner, CsvSettings)
        mapping, _ = read_mapping(partner.file(partner.description.mapping))
        assert mapping is not None  # the description was judged
        self.mapping: RowMapping = mapping
        self.run, self.opens_with, self.settings = run, opens_with, settings
        self.incoming = partner.file(settings.incoming) if settings.incoming else None
        self.outgoing = partner.file(settings.outgoing) if settings.outgoing else None
        self._own_key = read_own_key(partner.file(settings.own_key)) if settings.own_key else None
        self.partner_key = read_public_key(partner.file(settings.partner_key)) if settings.partner_key else None
        self._before = self._names()
        self.written: list[str] = []

    async def look(self, trial: Trial) -> Mapping[str, str]:
        """Return the names of the files out that this run made."""
        if self.outgoing is None:
            raise NotApplicable("the description says that it `gets` nothing")
        return dict.fromkeys(sorted(self._names() - self._before), "")

    async def changes(self, trial: Trial, reference: str, resource: Resource) -> None:
        """Drop a file in, as the partner would, that says a resource in other words."""
        self.drop("row", self.rows(trial, resource))

    def cursor(self, trial: Trial) -> str:
        """A folder has none."""
        return ""

    def rows(self, trial: Trial, resource: Resource) -> list[Cells]:
        """Return the rows by which the partner says a resource."""
        rows = written_of(trial.parcel(resource), self.mapping).rows
        if not rows:
            raise NotApplicable("the mapping has no row for it")
        return rows

    def drop(self, name: str, rows: list[Cells]) -> None:
        """Make a file appear in the folder in, sealed where we have a key for it."""
        content = write_rows(rows, self.mapping)
        sealed = self._own_key is not None
        content = seal(content, self._own_key) if self._own_key is not None else content
        self.written.append(f"{self.run}-{name}.csv{'.jwe' if sealed else ''}")
        appear(self.folder_in, self.written[-1], content)

    @property
    def folder_in(self) -> Path:
        """The folder that files are dropped into; raise NotApplicable where there is none, or it is not empty."""
        if self.incoming is None:
            raise NotApplicable("the description says that it `sends` nothing")
        if others := [name for name in waiting(self.incoming) if name not in self.written]:
            raise Broken(f"{len(others)} file(s) of somebody else wait in `incoming`: this is no test system at rest.")
        return self.incoming

    async def clean(self, trial: Trial) -> list[str]:
        """Remove the files of this run; what the partner took meanwhile is the partner's."""
        await asyncio.to_thread(self._remove)
        return []

    async def close(self) -> None:
        """Nothing is open."""

    def _remove(self) -> None:
        if self.outgoing is not None:
            for name in self._names() - self._before:
                with suppress(FileNotFoundError):
                    (self.outgoing / name).unlink()
        if self.incoming is not None:
            for folder in (self.incoming, self.incoming / DONE, self.incoming / REFUSED):
                for path in folder.glob(f"*{self.run}-*"):
                    with suppress(FileNotFoundError):
                        path.unlink()

    def _names(self) -> set[str]:
        return {path.name for path in self.outgoing.glob("*.csv.jwe")} if self.outgoing is not None else set()

    def newest(self) -> bytes:
        """Return the newest file out of this run; raise NotApplicable where there is none."""
        names = sorted(self._names() - self._before)
        if self.outgoing is None or not names:
            raise NotApplicable("no file went out: the mapping has no row for the plan of this run")
        return (self.outgoing / names[-1]).read_bytes()


@rule(CSV, "csv-sealed", "A file out is sealed to the partner's key", f"RFC 7516; {_DOC}")
async def sealed(trial: Trial) -> None:
    """Look at the header of a file out."""
    sight = _sight(trial)
    part = sight.newest().split(b".")[0]
    header = json.loads(urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    key = sight.partner_key
    if header.get("enc") != "A256GCM" or "zip" in header:
        raise Broken("It is sealed in another way than is said.")
    if key is not None and key.kid is not None and header.get("kid") != key.kid:
        raise Broken("It names another key than the partner's.")


@rule(CSV, "csv-readable", "The partner's own key opens it, and its rows are those of the mapping", f"RFC 7516; {_DOC}")
async def readable(trial: Trial) -> None:
    """Open a file out as the partner does."""
    sight = _sight(trial)
    if sight.opens_with is None:
        raise NotApplicable("the private key of the test system was not given (--opens-with)")
    try:
        content = unseal(sight.newest(), read_own_key(sight.opens_with))
        read_rows(content, sight.mapping, sight.settings.most_rows)
    except ValueError as error:
        raise Broken(f"The key given cannot be used: {error}.") from None
    except NotSealed:
        raise Broken("The key given does not open it.") from None
    except FileRefused as refused:
        raise Broken(f"Read back it has {len(refused.problems)} problem(s).") from None


@rule(
    CSV, "csv-refused", "A file in with a mistake is refused whole, with a report of every problem", f"{_DOC}, Files in"
)
async def refused(trial: Trial) -> None:
    """Drop a file in with one good row and two bad ones."""
    sight = _sight(trial)
    (good,) = sight.rows(trial, trial.place(name="refused"))
    number = sight.mapping.person.nhs_number
    bad = [{**good, sight.mapping.record: f"bad-{turn}", number: "0000000000"} for turn in (1, 2)]
    sight.drop("mistake", [good, *bad])
    name = sight.written[-1]
    polled = await trial.adapter.poll("")
    if polled.messages:
        raise Broken(f"{len(polled.messages)} of its rows were taken all the same.")
    folder = sight.folder_in / REFUSED
    report = folder / f"{name}.report.csv"
    if not (folder / name).exists() or not report.exists():
        raise Broken("It was not moved to `refused/` with a report beside it.")
    named = {line.partition(",")[0] for line in report.read_text().splitlines()[1:]}
    if named != {"3", "4"}:
        raise Broken("The report does not name every bad row, or names a good one.")


@rule(CSV, "csv-done", "A good file leaves the folder once every row is settled, and again changes nothing", _DOC)
async def done(trial: Trial) -> None:
    """Drop the same file in twice."""
    sight = _sight(trial)
    rows = sight.rows(trial, trial.place(1, name="done"))
    ids = []
    for turn in ("one", "two"):
        if turn == "one":
            sight.drop("done", rows)
        else:
            appear(sight.folder_in, sight.written[-1], _finished(sight))
        messages = (await trial.adapter.poll("")).messages
        if not messages:
            raise Broken("It was refused, though the mapping made its row.")
        ids.append([message.id for message in messages])
        for message in messages:
            await trial.adapter.settled(message)
        if (sight.folder_in / sight.written[-1]).exists():
            raise Broken("It is still in the folder.")
    if ids[0] != ids[1]:
        raise Broken("The same file made other messages the second time.")


def _finished(sight: CsvSight) -> bytes:
    return (sight.folder_in / DONE / sight.written[-1]).read_bytes()


def _sight(trial: Trial) -> CsvSight:
    assert isinstance(trial.sight, CsvSight)
    return trial.sight
