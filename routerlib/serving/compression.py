"""Bodies that were compressed on their way, made plain again: gzip, deflate and zstd, within a
limit of size.

A small request can unpack to gigabytes, so nothing is unpacked beyond the limit. What the bytes
mean is not looked at.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from typing import Any

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdDecompressor, ZstdError
else:
    from backports.zstd import ZstdDecompressor, ZstdError

ENCODINGS = ("gzip", "deflate", "zstd")
AUTOMATIC = zlib.MAX_WBITS | 32  # gzip or zlib, as the first bytes say


class CannotDecode(ValueError):
    """The bytes are not what their encoding says. The text says in what."""


class UnknownEncoding(ValueError):
    """The encoding is none of ours. The text names it."""


class TooLarge(ValueError):
    """Unpacked, the body is larger than allowed."""


def decoded(content: bytes, encoding: str, most: int) -> bytes:
    """A body without its compression.

    Args:
        encoding: the header Content-Encoding, such as "gzip" or, in the order they were applied,
            "gzip, zstd".
        most: bytes, after each step.

    Raises:
        UnknownEncoding, CannotDecode, TooLarge.
    """
    names = [name.strip().lower().removeprefix("x-") for name in encoding.split(",")]
    for name in reversed(names):
        if name in ("", "identity"):
            continue
        if name not in ENCODINGS:
            raise UnknownEncoding(name)
        try:
            content = _one_layer_off(content, name, most)
        except (zlib.error, ZstdError, EOFError):
            raise CannotDecode(f"the body is no {name}") from None
    return content


def _one_layer_off(content: bytes, name: str, most: int) -> bytes:
    """One compression taken off. Several members or frames in a row are one body."""
    make: Callable[[], Any] = ZstdDecompressor if name == "zstd" else _inflate
    parts: list[bytes] = []
    size = 0
    rest = content
    while rest:
        unpack = make()
        # One byte more than allowed shows that there is more, and takes no more memory than that.
        parts.append(unpack.decompress(rest, most - size + 1))
        size += len(parts[-1])
        if size > most:
            raise TooLarge
        if not unpack.eof:
            raise CannotDecode(f"the {name} body is cut off")
        rest = unpack.unused_data
    return b"".join(parts)


def _inflate() -> Any:
    return zlib.decompressobj(AUTOMATIC)
