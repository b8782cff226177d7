"""Fixtures of the tests of sync."""

from __future__ import annotations

from tests.service.record.conftest import keys_home

__all__ = ["keys_home"]
