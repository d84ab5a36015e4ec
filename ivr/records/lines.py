"""How an entry is written as one line of a journal, with a checksum, and read back."""

from __future__ import annotations

import logging
import zlib
from typing import TYPE_CHECKING

import msgspec

from ivr.effects import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable

logger = logging.getLogger(__name__)

LATEST = 32_503_680_000  # The year 3000: a moment after it is a mistake, and some dates cannot hold it.


def seal(entry: Entry) -> bytes:
    """Write an entry as ``<checksum> <json>`` and a line's end; ValueError if its time is absurd."""
    if not 0 <= entry.at <= LATEST:
        raise ValueError(entry.at)
    body = msgspec.json.encode(entry)
    return b"%08x %s\n" % (zlib.crc32(body), body)


def unseal(line: bytes) -> Entry | None:
    """Read one line, or nothing if it was torn or is not ours."""
    checksum, _, body = line.partition(b" ")
    try:
        if int(checksum, 16) != zlib.crc32(body):
            return None
        entry = msgspec.json.decode(body, type=Entry)
    except (ValueError, msgspec.MsgspecError):
        return None
    return entry if 0 <= entry.at <= LATEST else None


def read_lines(lines: Iterable[bytes]) -> list[Entry]:
    """Read the entries of some lines, passing over those that cannot be read."""
    stripped = [bare for line in lines if (bare := line.rstrip(b"\n"))]
    entries = [entry for line in stripped if (entry := unseal(line)) is not None]
    if len(entries) < len(stripped):
        logger.warning("journal lines skipped because they cannot be read: %s", len(stripped) - len(entries))
    return entries
