"""Keyed ids: what stands in our records in place of Twilio's ids and of telephone numbers.

A number space is small: whoever holds the key can try every number. So a key has two halves. One is the
environment's secret; the other is random, made anew each month, and kept in a folder of its own that no
backup takes. When the month after it is over, it is overwritten: from then on nobody, we included, can tell
whose a mark was.

Hosts that share a database share their keys by it (`records.shared_keys`), and the folder holds a copy. A
host that could ask nobody made a key of its own: it stays known as a further key of its month ("2026-11+1"),
so that DELETE finds what was written under it.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Protocol

from ivr.encryption import SEALED, make_private_folder, open_private, seal, unseal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


# HMAC under a key that is used again and again: what depends on the key alone is computed once.

OUTER, INNER = bytes(byte ^ 0x5C for byte in range(256)), bytes(byte ^ 0x36 for byte in range(256))


class KeyedHash:
    """HMAC (RFC 2104), as `hmac.digest` computes it, in a quarter of the time for a short message."""

    def __init__(self, key: bytes, algorithm: str) -> None:
        outer = hashlib.new(algorithm)
        if len(key) > outer.block_size:
            key = hashlib.new(algorithm, key).digest()
        padded = key.ljust(outer.block_size, b"\0")
        outer.update(padded.translate(OUTER))
        self._outer, self._inner = outer, hashlib.new(algorithm, padded.translate(INNER))

    def digest(self, message: bytes) -> bytes:
        """Give the keyed hash of a message."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()


logger = logging.getLogger(__name__)

DAY = 86_400
LENGTH = 32  # Hexadecimal digits: 128 bits.
WORDS_LENGTH = 4
RANDOM_BYTES = 32
DECEMBER = 12
MONTH = re.compile(r"\d{4}-\d{2}")
LASTING = "lists"  # The half of the key for opt-outs and blocks, which last longer than a month.
FURTHER = "+"  # Stands between a name and the number of a further key of that name.


def month_of(at: float) -> str:
    """Name the month of a moment: "2026-11"."""
    return _month_of_day(int(at // DAY))


@lru_cache(maxsize=128)
def _month_of_day(day: int) -> str:
    """Name the month of a day, counted from the first of 1970: by UTC, no month begins within one."""
    return f"{datetime.fromtimestamp(day * DAY, UTC):%Y-%m}"


def month_before(month: str) -> str:
    """Name the month before one."""
    year, number = map(int, month.split("-"))
    return f"{year - 1}-12" if number == 1 else f"{year}-{number - 1:02}"


def month_after(month: str) -> str:
    """Name the month after one."""
    year, number = map(int, month.split("-"))
    return f"{year + 1}-01" if number == DECEMBER else f"{year}-{number + 1:02}"


def name_of(key: str) -> str:
    """Give the name that a key is one of: a month, or that of the lists."""
    return key.partition(FURTHER)[0]


class Caller(Protocol):
    """Whoever calls or texts, as far as the line may know them while it answers."""

    @property
    def number(self) -> str:
        """Where the line may text or ring them; sealed for effects, never kept otherwise."""

    @property
    def mark(self) -> str:
        """Their mark of this month; empty when the number is withheld."""

    @property
    def marks(self) -> tuple[str, ...]:
        """Every mark under which the log may hold them."""

    @property
    def opt_out(self) -> str:
        """Their mark on the list of those who sent STOP."""

    @property
    def opt_outs(self) -> tuple[str, ...]:
        """Every mark under which that list may hold them."""

    @property
    def block(self) -> str:
        """Their mark on the list of those who are blocked."""

    @property
    def forged(self) -> bool:
        """Whether their phone company says that the number is not theirs."""


@dataclass(frozen=True)
class KnownCaller:
    """A caller of whom all that may be known is known; of nobody, nothing is."""

    number: str = ""
    mark: str = ""
    marks: tuple[str, ...] = ()
    opt_out: str = ""
    block: str = ""
    forged: bool = False

    @property
    def opt_outs(self) -> tuple[str, ...]:
        """Every mark under which the list of those who sent STOP may hold them."""
        return (self.opt_out,) if self.opt_out else ()


@dataclass(frozen=True)
class CallerOfNumber:
    """A caller by their number. Most turns ask for the mark alone: all else is found out when asked for."""

    mark: str
    _number: str = field(repr=False)
    _pseudonyms: Pseudonyms = field(repr=False)
    _may_reach: Callable[[str], bool] = field(repr=False)
    _is_forged: Callable[[], bool] = field(repr=False)

    @cached_property
    def number(self) -> str:
        """Where the line may text or ring them; nothing where it may not."""
        return self._number if self._may_reach(self._number) and not self.forged else ""

    @cached_property
    def marks(self) -> tuple[str, ...]:
        """Every mark under which the log may hold them."""
        return self._pseudonyms.callers(self._number)

    @cached_property
    def opt_out(self) -> str:
        """Their mark on the list of those who sent STOP."""
        return next(iter(self.opt_outs), "")

    @cached_property
    def opt_outs(self) -> tuple[str, ...]:
        """Every mark under which that list may hold them; the first is the one in force."""
        return self._pseudonyms.listed("opt-out", self._number)

    @cached_property
    def block(self) -> str:
        """Their mark on the list of those who are blocked."""
        return next(iter(self._pseudonyms.listed("block", self._number)), "")

    @cached_property
    def forged(self) -> bool:
        """Whether their phone company says that the number is not theirs."""
        return self._is_forged()


class MonthKeys:
    """The random halves of the keys, one file each, shared by all processes of a line.

    A process remembers what it has read, and ``refresh`` makes it forget what has been destroyed meanwhile.
    That there is no key is never remembered: it may be made a moment later.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, bytes] = {}
        self._further: tuple[str, ...] | None = None  # What further keys there are, once that was looked up.

    def part(self, name: str, *, make: bool) -> bytes:
        """Give the random half of a name, made if it may be; empty when there is none or no folder."""
        if half := self._known.get(name):
            return half
        try:
            half = self._read(name) or (self._make(name) if make else b"")
        except OSError as error:
            logger.error("a key cannot be kept: %s; callers have no marks", error.strerror)  # noqa: TRY400 - the way around is taken
            return b""
        if half:
            self._known[name] = half
        return half

    def further(self, name: str) -> tuple[bytes, ...]:
        """Give the halves beside the one in force, under which a host alone has written."""
        known = self._further  # Another thread may refresh meanwhile.
        if known is None:
            known = self._further = tuple(each for each in self.names() if FURTHER in each)
        if not known:
            return ()
        theirs = [each for each in known if name_of(each) == name]
        return tuple(half for each in theirs if (half := self.part(each, make=False)))

    def names(self) -> list[str]:
        """Name the keys that lie here."""
        with suppress(OSError):
            return sorted(path.stem for path in self._folder.glob("*.key"))
        return []

    def held(self, name: str) -> bytes:
        """Read a half from the disk; empty when there is none."""
        with suppress(OSError):
            return self._read(name)
        return b""

    def put(self, name: str, half: bytes) -> None:
        """Put a half here, in the place of another if there is one."""
        make_private_folder(self._folder)
        self._replace(self._path(name), half)
        self._known.pop(name, None)
        self._further = None

    def remove(self, name: str) -> None:
        """Overwrite and delete a half."""
        with suppress(FileNotFoundError):
            _overwrite(self._path(name))
        self._known.pop(name, None)
        self._further = None

    def refresh(self, month: str) -> None:
        """Forget the keys of months that are over, and those whose file is gone; read again what changed.

        Every process that stays up does so every few seconds: others destroy and exchange files.
        """
        alive = alive_in(month)
        self._further = None
        for name, known in list(self._known.items()):  # Other threads read keys meanwhile.
            try:
                half = self._read(name) if name_of(name) in alive else b""
            except OSError:
                continue  # A disk that cannot be read has destroyed nothing.
            if not half:
                self._known.pop(name, None)
            elif half != known:
                self._known[name] = half

    def destroy(self, month: str) -> None:
        """Overwrite and delete the keys of every month before the last."""
        self.refresh(month)
        for name in self.names():
            if is_over(name, month):
                with suppress(OSError):
                    _overwrite(self._path(name))

    def exchange(self, change: Callable[[bytes], bytes]) -> int:
        """Put something else into every file, each at once, and overwrite what was there; give how many."""
        paths = sorted(self._folder.glob("*.key"))
        for path in paths:
            self._replace(path, change(path.read_bytes()))
        self._known.clear()
        return len(paths)

    def _replace(self, path: Path, half: bytes) -> None:
        """Put a half into a file at once, and overwrite what was there."""
        draft = self._folder / f".{path.stem}-{secrets.token_hex(8)}"
        with os.fdopen(open_private(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
            file.write(half)
            file.flush()
            os.fsync(file.fileno())
        old = self._folder / f".{path.stem}-{secrets.token_hex(8)}"
        with suppress(FileNotFoundError):
            os.link(path, old)
        draft.replace(path)
        if old.exists():
            _overwrite(old)

    def _read(self, name: str) -> bytes:
        try:
            half = self._path(name).read_bytes()
        except FileNotFoundError:
            return b""
        return half if any(half) else b""  # It is being written over: another is there, or none.

    def _make(self, name: str) -> bytes:
        """Make a half. The file appears whole, once: of two processes one makes it, and both read it."""
        make_private_folder(self._folder)
        draft = self._folder / f".{name}-{secrets.token_hex(8)}"
        try:
            with os.fdopen(open_private(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
                file.write(secrets.token_bytes(RANDOM_BYTES))
            with suppress(FileExistsError):
                os.link(draft, self._path(name))
        finally:
            draft.unlink(missing_ok=True)
        return self._read(name)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.key"


@dataclass(frozen=True)
class Pseudonyms:
    """Makes keyed ids."""

    secret: str = field(repr=False)
    keys: MonthKeys
    now: Callable[[], float]
    old_secret: str = field(default="", repr=False)  # Halves that are not sealed belong to it while it lasts.
    # A random half -> the key that it makes with the secret; forgotten at every refresh, as the half may be.
    _joined: dict[bytes, KeyedHash] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def month(self) -> str:
        """The month whose key is used now."""
        return month_of(self.now())

    def refresh(self) -> None:
        """Forget the keys that are over."""
        self.keys.refresh(self.month)
        self._joined.clear()

    def call(self, sid: str, month: str = "") -> str:
        """Give the id of a call, under the key of the month in which it began."""
        return self._mark("call", sid, self._half(month))

    def calls(self, sid: str) -> tuple[str, ...]:
        """Give every id that a call which is over now may have: it began this month or the last."""
        return tuple(self.call(sid, month) for month in (self.month, month_before(self.month)))

    def message(self, sid: str) -> str:
        """Give the id of a text message."""
        return self._mark("message", sid, self._half())

    def request(self, sid: str) -> str:
        """Give the id of a signed request, the same in every month: a mark of what was done lives a day."""
        return self._mark("request", sid, b"")

    def words(self, number: str, words: str) -> str:
        """Give a mark of words that a phone sent: too short to tell which they were."""
        return self._mark("words", f"{number}:{words}", self._half())[:WORDS_LENGTH]

    def who(
        self,
        number: str,
        *,
        may_reach: Callable[[str], bool] = lambda _: False,
        is_forged: Callable[[], bool] = lambda: False,
    ) -> Caller:
        """Give what may be known of whoever has a number; ``may_reach``: the line may text or ring it."""
        return CallerOfNumber(self.caller(number), number, self, may_reach, is_forged)

    def caller(self, number: str) -> str:
        """Give the mark of a caller's number; nothing for a number that names nobody, or without a key."""
        half = self._half()
        return self._mark("caller", number, half) if number and half else ""

    def callers(self, number: str) -> tuple[str, ...]:
        """Give every mark under which a number may stand in the log: those of this month and the last."""
        now, before = self.month, month_before(self.month)
        halves = [self._half(), *self.keys.further(now)]
        halves += [self.keys.part(before, make=False), *self.keys.further(before)]
        return tuple(self._mark("caller", number, half) for half in halves if number and half)

    def listed(self, what: str, number: str) -> tuple[str, ...]:
        """Give the marks of a number on a list of ours, "opt-out" or "block"; the first is in force."""
        halves = [self.keys.part(LASTING, make=True), *self.keys.further(LASTING)]
        return tuple(self._mark(what, number, half) for half in halves if number and half)

    def _half(self, month: str = "") -> bytes:
        """Give the random half of a month, or of this one, whose half alone is made where there is none."""
        now = self.month
        return self.keys.part(month or now, make=month in ("", now))

    def _mark(self, what: str, value: str, half: bytes) -> str:
        # Without a half an id still tells calls apart, and Twilio's ids cannot be guessed. Numbers can.
        key = self._joined.get(half)
        if key is None:
            key = KeyedHash(self._join(half), "sha256")
            self._joined[half] = key
        return key.digest(f"{what}:{value}".encode()).hex()[:LENGTH]

    def _join(self, half: bytes) -> bytes:
        """Give the key that a half makes with the secret; a sealed one holds it whole."""
        last = self.old_secret or self.secret
        sealed = unseal((self.secret, self.old_secret), half)
        return sealed or hmac.digest(last.encode(), half, "sha256")

    def carry_keys(self) -> int:
        """Seal every key under the new secret alone, so that marks stay as they are; give how many."""
        return self.keys.exchange(lambda half: seal(self.secret, self._join(half)))

    def open(self, half: bytes) -> bytes:
        """Give the key that a half makes; nothing of one that was sealed under another secret."""
        if half.startswith(SEALED):
            return unseal((self.secret, self.old_secret), half)
        return self._join(half) if half else b""

    def close(self, key: bytes) -> bytes:
        """Seal a key, so that whoever has the secret can open it, on any host."""
        return seal(self.secret, key)


def alive_in(month: str) -> set[str]:
    """Name the keys that are in use in a month, the next one's too: it is made some days before."""
    return {month_before(month), month, month_after(month), LASTING}


def is_over(name: str, month: str) -> bool:
    """Whether a key is one of a month before the last."""
    of = name_of(name)
    return bool(MONTH.fullmatch(of)) and of < month_before(month)


def _overwrite(path: Path) -> None:
    """Write over a file before it is deleted: its old blocks must not be found."""
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
