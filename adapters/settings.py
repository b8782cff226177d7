"""The `settings` of a partner's description, read strictly into what its kind declares."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from adapters.partners import Partner

Settings = TypeVar("Settings", bound=msgspec.Struct)


def read_settings(partner: Partner, kind: type[Settings]) -> Settings:
    """Return the settings; raise ValueError with a sentence about the first thing that is not as declared."""
    try:
        return msgspec.convert(dict(partner.description.settings), kind, strict=True)
    except msgspec.ValidationError as error:
        raise ValueError(f"`settings`: {error}") from None
