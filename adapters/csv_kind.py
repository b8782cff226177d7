"""What the description of a partner of kind `csv` says, and what is wrong with it (`docs/csv.md`)."""

from __future__ import annotations

from typing import Any

from adapters.base import Adapter
from adapters.csv_drop import CsvAdapter
from adapters.csv_mapping import RowMapping, read_mapping
from adapters.csv_seal import read_own_key, read_public_key
from adapters.csv_settings import CsvSettings
from adapters.partners import Partner
from adapters.settings import read_settings
from adapters.surroundings import Surroundings
from security.errors import InvalidConfiguration


class CsvKind:
    """The kind `csv`."""

    def problems(self, partner: Partner) -> list[str]:
        """Return what is wrong with a description, its mapping, its keys and its folders."""
        return _Opened(partner).problems

    def adapter(self, partner: Partner, surroundings: Surroundings) -> Adapter:
        """Return the adapter; raise InvalidConfiguration when a file is not any more what `problems` saw."""
        opened = _Opened(partner)
        if opened.problems or opened.mapping is None:
            raise InvalidConfiguration([f"{partner.name}: {problem}" for problem in opened.problems])
        return CsvAdapter(opened.mapping, opened.settings, **opened.places)


class _Opened:
    """A description with its files read."""

    def __init__(self, partner: Partner) -> None:
        self.problems: list[str] = []
        self.settings = CsvSettings()
        self.mapping: RowMapping | None = None
        self.places: dict[str, Any] = dict.fromkeys(("incoming", "outgoing", "partner_key", "own_key"))
        one = partner.description
        try:
            self.settings = read_settings(partner, CsvSettings)
        except ValueError as error:
            self.problems.append(str(error))
            return
        settings = self.settings
        if one.mapping:
            self.mapping, wrong = read_mapping(partner.file(one.mapping))
            self.problems += wrong
        else:
            self.problems.append("`mapping` names the mapping file")
        if one.sends:
            self._folder(partner, "incoming", settings.incoming)
            if not (settings.own_key or settings.plain):
                self.problems.append(
                    "`settings.own_key` is needed, or `settings.plain` says that files in are not encrypted"
                )
        if one.gets:
            self._folder(partner, "outgoing", settings.outgoing)
            if not settings.partner_key:
                self.problems.append("`settings.partner_key` names the partner's public key")
        if one.sends and one.gets and self.places["incoming"] == self.places["outgoing"]:
            self.problems.append("`settings.incoming` and `settings.outgoing` are two folders")
        for name, reads in (("partner_key", read_public_key), ("own_key", read_own_key)):
            if file := getattr(settings, name):
                try:
                    self.places[name] = reads(partner.file(file))
                except ValueError as error:
                    self.problems.append(f"`settings.{name}`: {error}")
        if not 0 < settings.largest <= 100_000_000:
            self.problems.append("`settings.largest` is 1 to 100000000 bytes")
        if not 0 < settings.most_rows <= 1_000_000:
            self.problems.append("`settings.most_rows` is 1 to 1000000")

    def _folder(self, partner: Partner, name: str, said: str) -> None:
        path = partner.file(said) if said else None
        if path is None or not path.is_dir():
            self.problems.append(f"`settings.{name}` names a folder that is there")
        else:
            self.places[name] = path.resolve()
