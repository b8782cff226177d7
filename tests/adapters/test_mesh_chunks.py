"""Chunks: what is split and packed comes together again, however it was packed; bombs and holes do not."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import Unintelligible
from adapters.mesh_chunks import MOST_CHUNKS, ChunkRange, Unpacker, pack, split

CONTENT = st.binary(min_size=1, max_size=400)


def together(chunks, gzipped: bool, largest: int = 1000) -> bytes:
    unpacker = Unpacker(largest)
    for chunk in chunks:
        unpacker.take(chunk, gzipped)
    return unpacker.finish()


@given(CONTENT, st.integers(1, 60))
def test_what_is_split_and_packed_comes_together_again(content, size):
    chunks = split(content, size)
    assert all(0 < len(chunk) <= size for chunk in chunks)
    assert together(chunks, gzipped=False) == content
    assert together([pack(chunk) for chunk in chunks], gzipped=True) == content


@given(CONTENT, st.integers(1, 60))
def test_what_was_packed_whole_and_then_split_is_read_too(content, size):
    assert together(split(gzip.compress(content), size), gzipped=True) == content


@given(CONTENT, st.data())
def test_a_stream_that_ends_early_is_refused(content, data):
    packed = gzip.compress(content)
    cut = data.draw(st.integers(1, len(packed) - 1))
    with pytest.raises(Unintelligible):
        together([packed[:cut]], gzipped=True)


def test_chunks_may_be_packed_differently():
    unpacker = Unpacker(100)
    unpacker.take(b"one ", gzipped=False)
    unpacker.take(pack(b"two "), gzipped=True)
    unpacker.take(b"three", gzipped=False)
    assert unpacker.finish() == b"one two three"


def test_plain_bytes_in_the_midst_of_a_gzip_are_refused():
    unpacker = Unpacker(100)
    unpacker.take(pack(b"one")[:5], gzipped=True)
    with pytest.raises(Unintelligible):
        unpacker.take(b"two", gzipped=False)


def test_a_bomb_is_refused_before_it_unfolds():
    bomb = gzip.compress(bytes(200_000_000), compresslevel=1)
    tracemalloc.start()
    try:
        with pytest.raises(Unintelligible, match="too large"):
            together([bomb], gzipped=True, largest=1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


def test_many_small_bombs_are_one_bomb():
    with pytest.raises(Unintelligible, match="too large"):
        together([pack(bytes(300))] * 4, gzipped=True, largest=1000)
    assert together([pack(bytes(250))] * 4, gzipped=True, largest=1000) == bytes(1000)


def test_what_is_no_gzip_is_refused():
    with pytest.raises(Unintelligible):
        together([b"<Bundle/>"], gzipped=True)


def test_the_same_chunk_is_packed_the_same():
    assert pack(b"plan" * 100) == pack(b"plan" * 100)


@pytest.mark.parametrize("content", [b"", bytes(MOST_CHUNKS + 1)])
def test_a_message_has_content_and_not_too_many_chunks(content):
    with pytest.raises(ValueError, match="a message has"):
        split(content, 1)


@pytest.mark.parametrize(("text", "number", "total"), [("", 1, 1), ("1:3", 1, 3), (" 3 : 3 ", 3, 3)])
def test_a_chunk_range_is_read(text, number, total):
    assert ChunkRange.read(text) == ChunkRange(number, total)
    assert str(ChunkRange(number, total)) == f"{number}:{total}"


@pytest.mark.parametrize("text", ["0:1", "2:1", "1", "1:2:3", "a:b", "-1:2", f"1:{MOST_CHUNKS + 1}"])
def test_a_chunk_range_that_is_none_is_refused(text):
    with pytest.raises(Unintelligible):
        ChunkRange.read(text)
