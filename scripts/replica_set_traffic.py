"""Writes through several services for 40 seconds, then looks for everything that was acknowledged: see replica-set.sh.

Exit code 0: all of it is there, once; 1: something is missing, or nothing was written after the first failure.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time

import httpx

from service.people import invented

SECONDS, WRITERS, FIRST = 40, 8, 800_000
HEADERS = {"Content-Type": "application/fhir+json", "Authorization": f"Bearer {os.environ['GP_TOKEN']}"}
NHS = "https://fhir.nhs.uk/Id/nhs-number"


def patient(number: str) -> dict[str, object]:
    """Return a person with nothing but a number, a name and a birth date."""
    name = {"family": "Replicaford", "given": ["Rita"]}
    identifier = {"system": NHS, "value": number}
    return {"resourceType": "Patient", "identifier": [identifier], "name": [name], "birthDate": "1940-01-01"}


async def write(bases: list[str], writer: int, acknowledged: list[str], failed: list[float]) -> None:
    """Create one person after the other, through the services in turn."""
    async with httpx.AsyncClient(timeout=30) as client:
        ends, turn = time.monotonic() + SECONDS, 0
        while time.monotonic() < ends:
            number = invented.nhs_number(FIRST + writer * 10_000 + turn)
            base = bases[(writer + turn) % len(bases)]
            turn += 1
            try:
                answer = await client.post(f"{base}/fhir/R4/Patient", json=patient(number), headers=HEADERS)
            except httpx.TransportError:
                failed.append(time.monotonic())
                continue
            if answer.status_code == 201:
                acknowledged.append(number)
            else:
                failed.append(time.monotonic())


async def main(bases: list[str]) -> int:
    """Write, then look for every acknowledged person through every service."""
    acknowledged: list[str] = []
    failed: list[float] = []
    await asyncio.gather(*(write(bases, writer, acknowledged, failed) for writer in range(WRITERS)))
    missing = 0
    async with httpx.AsyncClient(timeout=30) as client:
        for place, number in enumerate(acknowledged):
            found = await client.get(
                f"{bases[place % len(bases)]}/fhir/R4/Patient",
                params={"identifier": f"{NHS}|{number}"},
                headers=HEADERS,
            )
            missing += found.status_code != 200 or found.json().get("total") != 1
    print(f"{len(acknowledged)} acknowledged, {len(failed)} failed meanwhile, {missing} of the acknowledged missing")
    return 1 if missing or not acknowledged else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
