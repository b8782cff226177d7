"""The settings of a partner of kind `csv`."""

from __future__ import annotations

import msgspec


class CsvSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Folders and keys, relative to the description or absolute.

    `partner_key` is the partner's public JWK, for files out; `own_key` our private one, for files in. `plain`: files in
    need not be sealed. `largest` is in bytes, unsealed.
    """

    incoming: str = ""
    outgoing: str = ""
    partner_key: str = ""
    own_key: str = ""
    plain: bool = False
    largest: int = 5_000_000
    most_rows: int = 20_000
