"""`python -m service.standins [FILE]`: run one stand-in, as FILE or the first line of standard input describes it.

It says where it is, or as `problem` why it is nowhere, in one line of JSON. It ends with SIGTERM; without FILE also
when its standard input ends, so that it never outlives whoever started it. Ctrl-C is for that one to hear. Exit code 3:
a port is taken.
"""

from __future__ import annotations

import asyncio
import errno
import signal
import sys
from pathlib import Path

import msgspec

from service.standins.config import Config, read_config
from service.standins.run import standing_in

PORT_TAKEN = 3


async def _run(config: Config, follow_input: bool) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    if follow_input:
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        await loop.connect_read_pipe(lambda: _UntilItEnds(ended), sys.stdin)
    else:
        loop.add_signal_handler(signal.SIGINT, ended.set)
    async with standing_in(config) as addresses:
        sys.stdout.write(msgspec.json.encode(addresses).decode() + "\n")
        sys.stdout.flush()
        await ended.wait()


class _UntilItEnds(asyncio.Protocol):
    def __init__(self, ended: asyncio.Event) -> None:
        self._ended = ended

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended.set()


def main() -> int:
    """Run until told to end."""
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    try:
        config = read_config(file.read_bytes() if file else sys.stdin.buffer.readline())
    except (OSError, msgspec.MsgspecError) as error:
        sys.stderr.write(f"The description of the stand-in cannot be used: {error}\n")
        return 2
    try:
        asyncio.run(_run(config, follow_input=file is None))
    except OSError as error:
        sys.stdout.write(msgspec.json.encode({"problem": error.strerror or str(error)}).decode() + "\n")
        return PORT_TAKEN if error.errno == errno.EADDRINUSE else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
