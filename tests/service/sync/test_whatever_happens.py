"""Whatever happens, in whatever order: once all is well a partner has the newest permitted state and nothing else."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.service.sync.chaos import FAULTS, PEOPLE, PROCESSES, chaos

_person = st.integers(0, PEOPLE - 1)
_process = st.integers(0, PROCESSES - 1)
_fault = st.sampled_from(sorted(FAULTS))
_HERE = ("note", "change", "change", "delete", "revoke", "refuse", "permit", "relation")
HAPPENINGS: st.SearchStrategy[tuple[Any, ...]] = st.one_of(
    st.tuples(st.sampled_from(_HERE), _person),
    st.tuples(st.sampled_from(_HERE), _person),
    st.tuples(st.just("sends"), _person, st.integers(0, 1)),
    st.tuples(st.just("again"), st.integers(0, 999)),
    st.tuples(st.just("fault"), st.sampled_from(("before", "after")), _fault),
    st.tuples(st.just("down"), _fault),
    st.tuples(st.sampled_from(("up", "slow", "quick", "retry"))),
    st.tuples(st.just("forward"), st.sampled_from((0.5, 6, 26, 61, 400))),
    st.tuples(st.just("die"), _process, st.integers(1, 60), st.booleans()),
    st.tuples(st.sampled_from(("stop", "go_on")), _process),
)


@pytest.mark.parametrize("store", ["sqlite", "documents"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(happenings=st.lists(HAPPENINGS, min_size=1, max_size=20))
def test_the_partner_ends_with_the_newest_permitted_state(
    keys_home: Path, store: str, happenings: list[tuple[Any, ...]]
) -> None:
    asyncio.run(_played(keys_home, store, happenings))


async def _played(keys: Path, store: str, happenings: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with chaos(keys, Path(folder), store) as opened:
            for happening in happenings:
                await opened.do(*happening)
            await opened.settle()
            assert await opened.wrong() == []
