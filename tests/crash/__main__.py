"""`python -m tests.crash STORE ROUNDS SEED`: play rounds of the crash harness and say what was seen."""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.crash.rounds import play

store, rounds, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
begun = time.monotonic()
with tempfile.TemporaryDirectory() as folder:
    ledger = play(store, rounds, seed, Path(folder))
kinds = Counter(str(request.kind) for request in ledger.answered)
sys.stdout.write(f"{store}, seed {seed}: {rounds} rounds in {time.monotonic() - begun:.0f} s\n")
sys.stdout.write(
    f"acknowledged and found: {len(ledger.answered)} {dict(kinds)}; answered 503: {ledger.unavailable}; "
    f"deliveries: {ledger.deliveries}\n"
)
