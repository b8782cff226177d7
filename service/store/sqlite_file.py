"""The SQLite file: its tables, and how connections to it are made.

A record's rows in `heads`, `keys`, `claims` and `tokens` go by its number in `records`: shorter keys, shorter searches.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from service.store.errors import StoreUnavailable

SCHEMA_VERSION = 4
PAGE_BYTES = 8192
CACHE_KIB = 16 * 1024

SCHEMA = """
CREATE TABLE records (number INTEGER PRIMARY KEY, record_id BLOB NOT NULL UNIQUE, sequence INTEGER NOT NULL,
  sealed BLOB NOT NULL);
CREATE TABLE heads (number INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, digest BLOB NOT NULL, mac BLOB NOT NULL);
CREATE TABLE keys (number INTEGER PRIMARY KEY, dek_id BLOB NOT NULL, kek_id TEXT NOT NULL, blob BLOB NOT NULL);
CREATE TABLE versions (record_id BLOB NOT NULL, sequence INTEGER NOT NULL, sealed BLOB NOT NULL,
  PRIMARY KEY (record_id, sequence));
CREATE TABLE pieces (record_id BLOB NOT NULL, piece_id BLOB NOT NULL, chunk INTEGER NOT NULL, sealed BLOB NOT NULL,
  PRIMARY KEY (record_id, piece_id, chunk));
CREATE TABLE claims (token BLOB PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE tokens (token BLOB NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (token, number)) WITHOUT ROWID;
CREATE TABLE known (token BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE audit (filed INTEGER PRIMARY KEY, chain BLOB NOT NULL, seq INTEGER NOT NULL, mac BLOB NOT NULL,
  sealed BLOB NOT NULL, tokens BLOB NOT NULL DEFAULT x'');
CREATE TABLE audit_tokens (token BLOB NOT NULL, filed INTEGER NOT NULL, PRIMARY KEY (token, filed)) WITHOUT ROWID;
CREATE TABLE audit_indexed (filed INTEGER NOT NULL);
INSERT INTO audit_indexed VALUES (0);
CREATE TABLE spent (token BLOB PRIMARY KEY, expires INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE remembered (token BLOB PRIMARY KEY, expires INTEGER NOT NULL, sealed BLOB NOT NULL);
CREATE TABLE deliveries (filed INTEGER PRIMARY KEY AUTOINCREMENT, lane BLOB NOT NULL, sealed BLOB NOT NULL);
CREATE TABLE leases (name BLOB PRIMARY KEY, turn INTEGER NOT NULL, holder BLOB NOT NULL, until REAL NOT NULL);
CREATE TABLE counters (key BLOB NOT NULL, until INTEGER NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (key, until))
  WITHOUT ROWID;
CREATE TABLE epochs (number INTEGER PRIMARY KEY, statement BLOB NOT NULL);
CREATE INDEX spent_expires ON spent (expires);
CREATE INDEX remembered_expires ON remembered (expires);
"""

ALL_INDEXED = """INSERT INTO audit_indexed SELECT coalesce((SELECT max(filed) FROM audit), 0)
  WHERE NOT EXISTS (SELECT 1 FROM audit_indexed)"""
"""Entries from before there were look-up tokens have none, so there is nothing of them to index."""

MIGRATIONS = {
    3: f"""
ALTER TABLE audit ADD COLUMN tokens BLOB NOT NULL DEFAULT x'';
CREATE TABLE audit_tokens (token BLOB NOT NULL, filed INTEGER NOT NULL, PRIMARY KEY (token, filed)) WITHOUT ROWID;
CREATE TABLE audit_indexed (filed INTEGER NOT NULL);
{ALL_INDEXED};
"""
}
"""By the version that a step starts from. Each step is one transaction."""

EPOCH = "SELECT coalesce(max(number), 0) FROM epochs"


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection as all readers and writers have it: each COMMIT is synced, nothing checkpoints by itself."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=128)
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "wal_autocheckpoint=0",
        "secure_delete=ON",
        "temp_store=MEMORY",
        "busy_timeout=5000",
        f"cache_size=-{CACHE_KIB}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def prepare(path: Path) -> None:
    """Make the file, readable by its owner alone, and its tables; raise StoreUnavailable for another schema."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode=WAL")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            connection.executescript(f"BEGIN IMMEDIATE;{SCHEMA}PRAGMA user_version={SCHEMA_VERSION};COMMIT;")
            version = SCHEMA_VERSION
        while version in MIGRATIONS:
            step = MIGRATIONS[version]
            connection.executescript(f"BEGIN IMMEDIATE;{step}PRAGMA user_version={version + 1};COMMIT;")
            version += 1
        if version != SCHEMA_VERSION:
            raise StoreUnavailable(f"the database has schema version {version}, this program knows {SCHEMA_VERSION}")
    finally:
        connection.close()
