"""Bodies made plain again: each encoding, several in a row, and those that are none or too
large.
"""

import gzip
import tracemalloc
import zlib

import pytest

from routerlib.serving import compression
from routerlib.serving.compression import CannotDecode, TooLarge, UnknownEncoding, decoded

try:
    from compression import zstd
except ImportError:
    from backports import zstd

TEXT = b'{"model": "router"}' * 50
PACKED = {
    "gzip": gzip.compress(TEXT),
    "x-gzip": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    "zstd": zstd.compress(TEXT),
    "gzip, zstd": zstd.compress(gzip.compress(TEXT)),
    "GZip": gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:]),
    "identity": TEXT,
}


@pytest.mark.parametrize("encoding", PACKED)
def test_each_encoding_is_taken_off(encoding):
    assert decoded(PACKED[encoding], encoding, len(TEXT)) == TEXT


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "gzip, zstd"])
def test_nothing_is_unpacked_beyond_the_limit(encoding):
    with pytest.raises(TooLarge):
        decoded(PACKED[encoding], encoding, len(TEXT) - 1)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_small_body_that_unpacks_to_gigabytes_takes_no_memory(encoding):
    pack = {"gzip": gzip.compress, "zstd": zstd.compress}[encoding]
    bomb = pack(bytes(50_000_000))
    assert len(bomb) < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            decoded(bomb, encoding, 1_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_what_is_none_or_cut_off_is_told(encoding):
    with pytest.raises(CannotDecode, match=encoding):
        decoded(TEXT, encoding, 10_000)
    with pytest.raises(CannotDecode, match="cut off"):
        decoded(PACKED[encoding][:-6], encoding, 10_000)


def test_an_unknown_encoding_is_named():
    with pytest.raises(UnknownEncoding, match="br"):
        decoded(b"", "br", 10)
    assert "zstd" in compression.ENCODINGS
