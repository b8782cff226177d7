"""Folders that files are dropped into: what is complete, where it goes afterwards, and how a file appears all at once.

A file in is complete when its name ends in `.csv` or `.csv.jwe`: it is written under another name and renamed. Links
are not followed, and what is no plain file is not read. A file out is written under a name that ends in `.part`, made
durable, and renamed: whoever sees the name sees the whole file.

Every function blocks; `adapters.csv_drop` calls them beside the loop.
"""

from __future__ import annotations

import csv
import io
import os
import re
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from adapters.csv_rows import FileRefused, Problem

DONE = "done"
REFUSED = "refused"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ ()-]{0,120}\.csv(\.jwe)?", re.IGNORECASE)
_REPORT = ".report.csv"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file as it was read. `digest` stands for its bytes."""

    name: str
    content: bytes = field(repr=False)
    digest: str


def waiting(folder: Path) -> list[str]:
    """Return the names of what is complete, in order of name."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if _NAME.fullmatch(entry.name))


def read(folder: Path, name: str, largest: int) -> Dropped:
    """Return a file; raise FileRefused when it is no plain file or has more than `largest` bytes, FileNotFoundError
    when another process was faster.
    """
    try:
        # NONBLOCK: a pipe at this path must be refused, not waited for
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        if (folder / name).is_symlink():
            raise _refused("is a link, and links are not followed") from None
        raise _refused(f"cannot be opened ({error.strerror})") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _refused("is no plain file")
        if status.st_size > largest:
            raise _refused(f"has more than {largest} bytes")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(largest + 1)
    finally:
        os.close(descriptor)
    if len(content) > largest:
        raise _refused(f"has more than {largest} bytes")
    return Dropped(name, content, sha256(content).hexdigest())


def refuse(folder: Path, name: str, problems: Iterable[Problem]) -> None:
    """Move what is at `name` to `refused/`, with a report beside it that repeats nothing of it."""
    report = io.StringIO(newline="")
    writer = csv.writer(report, lineterminator="\r\n")
    writer.writerow(["row", "column", "problem"])
    writer.writerows([problem.row or "", problem.column, problem.sentence] for problem in problems)
    target = _free(_subfolder(folder, REFUSED), name)
    appear(target.parent, target.name + _REPORT, report.getvalue().encode())
    with suppress(FileNotFoundError):
        (folder / name).rename(target)
        _sync(target.parent)


def finish(folder: Path, name: str, digest: str, largest: int) -> None:
    """Move a file to `done/`, unless another process did, or other bytes are there under its name by now."""
    try:
        now = read(folder, name, largest)
    except (FileNotFoundError, FileRefused):
        return
    if now.digest == digest:
        target = _free(_subfolder(folder, DONE), name)
        with suppress(FileNotFoundError):
            (folder / name).rename(target)
            _sync(target.parent)


def appear(folder: Path, name: str, content: bytes) -> None:
    """Make a file appear under its name, whole and durable, in the place of what has that name."""
    fresh = folder / f".{name}.{secrets.token_hex(4)}.part"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(folder / name)
    except BaseException:
        with suppress(FileNotFoundError):
            fresh.unlink()
        raise
    _sync(folder)


def _subfolder(folder: Path, name: str) -> Path:
    inside = folder / name
    with suppress(FileExistsError):
        inside.mkdir()
    if inside.is_symlink():
        raise NotADirectoryError(20, "a folder that is a link is not written to")
    return inside


def _free(folder: Path, name: str) -> Path:
    """Return a path that nothing has: the same name may be dropped every day."""
    path = folder / name
    number = 1
    while os.path.lexists(path):
        number += 1
        path = folder / f"{number}-{name}"
    return path


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refused(sentence: str) -> FileRefused:
    return FileRefused([Problem(0, "", sentence)])
