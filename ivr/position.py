"""Where a caller is, and the URL path that says so: the only state of a call.

Twilio calls back the URL we gave it and signs it, so the path can be trusted and nothing need be looked up.
Paths are made of ``[a-z0-9/-]`` only: a path that is decoded on the way still signs the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Self

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LONGEST_PATH = 400  # Far above any path of ours; a longer one is not ours.
_PATH = re.compile(r"[a-z0-9/-]+")
_UNKNOWN = "-"  # Stands for a name that is not known yet.


@dataclass(frozen=True)
class Position:
    """Where a caller or texter is.

    ``language`` is empty until it is chosen, ``stop`` until there is one.
    ``turn`` counts exchanges; ``attempt`` counts keys not understood here.
    """

    stop: str = ""
    language: str = ""
    turn: int = 0
    attempt: int = 0
    question: int = 0  # In a checklist: the question now asked.
    yes: int = 0  # In a checklist: how many were answered yes.
    held: bool = False  # A texter was asked whether it is safe to read this stop here.
    about: str = ""  # Asked whether a text is safe: the stop whose numbers it would hold, and the way back.
    order: str = ""  # In a transfer: the order in which agencies are rung.
    asked: int = 0  # In a transfer: the Unix second in which a person was asked for.
    tried: tuple[str, ...] = ()  # On the direct path: agencies rung so far; the last rings now.
    choices: tuple[str, ...] = ()  # By text: the stops that 1, 2, 3 stand for, where it was unclear which.
    transfer_id: str = ""  # In a queue: the transfer that is searching for a person.
    month: str = ""  # Of a call: the month in which it began, whose key made the call's id.
    slow: bool = False  # Of a call: the caller asked for slower speech.

    def move(self, stop: str) -> Position:
        """Go to another stop, leaving behind what belonged to this one."""
        return Position(stop, self.language, self.turn, month=self.month, slow=self.slow)

    def retry(self) -> Self:
        """Stay, and count one thing that was not understood."""
        return replace(self, attempt=self.attempt + 1)

    def at(self, turn: int, month: str) -> Self:
        """Give the same place in another call: after so many exchanges, in a call that began in a month."""
        here = object.__new__(type(self))
        here.__dict__.update(self.__dict__, turn=turn, month=month)  # `replace` takes six times as long.
        return here

    def path(self) -> str:
        """Write the position as a path without a leading slash: ``3/en/signs-me/0``."""
        parts = [str(self.turn), self.language or _UNKNOWN, self.stop or _UNKNOWN, str(self.attempt)]
        if self.month:
            parts += ["month", self.month]
        if self.slow:
            parts += ["slow"]
        if self.question or self.yes:
            parts += ["q", str(self.question), str(self.yes)]
        if self.held:
            parts += ["held"]
        if self.about:
            parts += ["about", self.about]
        if self.transfer_id:
            parts += ["wait", self.transfer_id]
        if self.choices:  # Stands last; a position with choices has no order.
            parts += ["choose", *self.choices]
        elif self.order:
            parts += ["ring", self.order, str(self.asked), *self.tried]
        return "/".join(parts)

    @classmethod
    def parse(cls, path: str) -> Self:
        """Read a path. One that is not ours gives the empty position, which the flow mends."""
        if len(path) > LONGEST_PATH or not _PATH.fullmatch(path):
            return cls()
        turn, _, place = path.strip("/").partition("/")
        try:
            here = cls._read(place)
            return here.at(_count(turn), here.month)
        except (ValueError, IndexError):
            return cls()

    @classmethod
    @lru_cache(maxsize=2048)  # Many callers hear the same few stops; thirteen languages have 1,100.
    def _read(cls, place: str) -> Self:
        """Read all of a path but the turn, with which it begins."""
        language, stop, attempt, *rest = place.split("/")
        here = cls(_name(stop), _name(language), attempt=_count(attempt))
        if rest[:1] == ["month"]:
            here, rest = replace(here, month=_name(rest[1])), rest[2:]
        if rest[:1] == ["slow"]:
            here, rest = replace(here, slow=True), rest[1:]
        if rest[:1] == ["q"]:
            here, rest = replace(here, question=_count(rest[1]), yes=_count(rest[2])), rest[3:]
        if rest[:1] == ["held"]:
            here, rest = replace(here, held=True), rest[1:]
        if rest[:1] == ["about"]:
            here, rest = replace(here, about=_name(rest[1])), rest[2:]
        if rest[:1] == ["wait"]:
            here, rest = replace(here, transfer_id=_name(rest[1])), rest[2:]
        if rest[:1] == ["choose"]:
            here, rest = replace(here, choices=tuple(map(_name, rest[1:]))), []
        if rest[:1] == ["ring"]:
            here = replace(
                here, order=_name(rest[1]), asked=_count(rest[2]), tried=tuple(map(_name, rest[3:]))
            )
            rest = []
        if rest:
            raise ValueError(rest)
        return here


def _name(text: str) -> str:
    """Read one name, or nothing where it is not known yet; ValueError if it is no name."""
    if text == _UNKNOWN:
        return ""
    if not NAME.fullmatch(text):
        raise ValueError(text)
    return text


def _count(text: str) -> int:
    """Read a count; ValueError if it is none or absurd."""
    if not (text.isascii() and text.isdigit() and len(text) <= 10):  # noqa: PLR2004 - a Unix second has ten digits
        raise ValueError(text)
    return int(text)
