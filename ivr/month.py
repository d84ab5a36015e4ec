"""A pretended month of calls and texts, for the demonstration: nobody called.

The callers are made up; the line, the searches for a person and the log are the real ones, with parts around
them that keep nothing and ring nobody.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ivr.effects import Entry, Ring
from ivr.flow.nodes import Language, Menu, Message
from ivr.flow.reach import offers
from ivr.flow.turn import (
    Arrived,
    Asked,
    CameBack,
    Connect,
    HangUp,
    Heard,
    Pressed,
    Returned,
    Silent,
    Wait,
    Wished,
)
from ivr.line import Call, Line
from ivr.position import Position
from ivr.searching import Searching
from ivr.transfer.machine import Decide, E, Follow, News, S, Transfer, nothing
from ivr.transfer.roster import Status

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from ivr.agencies import Agency
    from ivr.effects import Effect
    from ivr.flow.nodes import Flow

DAYS = 28
A_DAY = (16, 30)  # Conversations on a quiet day and on a busy one.
NIGHT, MORNING, DAY, EVENING = 3, 2, 5, 6  # How busy an hour is, of each six.
TEXTS, FRENCH = 0.3, 0.18  # Shares.
LONGEST = 24  # Turns of one conversation.
KEYS = ("0", "#", "*", "9", "")  # From anywhere: a person, goodbye, again, the main menu, no key at all.
OFTEN = (4, 2, 1, 1, 2)
RINGS = ("accepted", "no_answer", "voicemail", "declined", "busy", "failed", "left")
HOW_OFTEN = (58, 16, 8, 5, 5, 2, 6)
FIRST_TEXTS = ("main", "signs-me", "numbers", "person")


def pretend(flow: Flow, until: datetime, zone: tzinfo, seed: int = 7) -> Iterator[list[Entry]]:
    """Give what is noted of each conversation in the weeks before a moment, the first conversation first."""
    dice = random.Random(seed)  # noqa: S311 - the same month each time; nothing is kept secret by it
    here = until.astimezone(zone)
    for ago in range(DAYS, 0, -1):
        midnight = (here - timedelta(days=ago)).replace(hour=0, minute=0, second=0, microsecond=0)
        quiet = 0.8 if midnight.weekday() in {5, 6} else 1.0
        for moment in sorted(_moments(midnight, int(dice.randint(*A_DAY) * quiet), dice)):
            if moment < here:
                yield _Pretended(flow, moment.timestamp(), dice).converse()


def _moments(midnight: datetime, count: int, dice: random.Random) -> list[datetime]:
    """Choose when in a day somebody calls: more in the evening than in the morning."""
    weights = [busy for busy in (NIGHT, MORNING, DAY, EVENING) for _ in range(6)]
    hours = dice.choices(range(24), weights, k=count)
    return [midnight + timedelta(hours=hour, seconds=dice.randrange(3600)) for hour in hours]


@dataclass
class _Pretended:
    """Somebody who was made up, and what the line notes of them."""

    flow: Flow
    at: float
    dice: random.Random
    noted: list[Entry] = field(default_factory=list)
    rows: dict[str, Transfer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.id = f"{self.dice.getrandbits(128):032x}"
        idle = _Idle()
        self.searching = Searching(
            self.flow.directory, self, self, idle, _Free(), idle, Status, lambda: self.at, lambda _: None
        )
        self.line = Line(self.flow, self, idle, idle, self.searching)

    def converse(self) -> list[Entry]:
        """Call or text, from the first word to the last."""
        if self.dice.random() < TEXTS:
            self._text()
        else:
            self._call()
        return self.noted

    def _call(self) -> None:
        position = Position()
        heard: Heard = Arrived()
        for _ in range(LONGEST):
            turn = self.line.hear(position, heard, Call(self.id, "voice", str(position.turn), self.at))
            position = turn.position
            if isinstance(turn.then, HangUp):
                break
            if isinstance(turn.then, Wait):
                heard = self._wait(turn.then.search)
            elif isinstance(turn.then, Connect):
                self.at += self.dice.uniform(12, 20)
                heard = CameBack(self.dice.choice(("accepted", "no_answer")))
            else:
                self.at += self.dice.uniform(2, 25)
                if (key := self._key(position)) is None:
                    break
                heard = Pressed(key) if key else Silent()
        self.write(Entry(self.id, "end", self.at, "voice", heard="ended"))

    def _text(self) -> None:
        language = "fr" if self.dice.random() < FRENCH else "en"
        stops = [stop for stop in FIRST_TEXTS if stop in self.flow.stops]
        position = Position()
        heard: Heard = Asked(self.dice.choice(stops), language)
        for n in range(self.dice.randint(1, 5)):
            message = f"{self.id[:24]}{n:08x}"
            position = self.line.hear(position, heard, Call(self.id, "text", message, self.at)).position
            self.at += self.dice.uniform(15, 120)
            heard = Pressed(self.dice.choice(self._offered(position)))
        if self.dice.random() < TEXTS:
            wish = Wished("stop", answered=True) if self.dice.random() < FRENCH else Wished("leave")
            self.line.hear(position, wish, Call(self.id, "text", f"{self.id[:24]}ffffffff", self.at))

    def _key(self, position: Position) -> str | None:
        """Choose a key, the first choice more often than the others; nothing is hanging up."""
        stop = self.flow.stops[position.stop]
        asks = not isinstance(stop, Menu | Message)
        if self.dice.random() < (0.04 if asks else 0.12):
            return None
        if self.dice.random() < (0.05 if asks else 0.22):
            return self.dice.choices(KEYS, OFTEN)[0]
        if isinstance(stop, Language):
            return "2" if self.dice.random() < FRENCH else "1"
        offered = self._offered(position)
        return self.dice.choices(offered, [3, *[2] * (len(offered) - 1)])[0]

    def _offered(self, position: Position) -> list[str]:
        """List the keys of a stop; where yes or no is asked, or an order is chosen, there are two."""
        return [*offers(self.flow.stops[position.stop])] or ["1", "2"]

    def _wait(self, search: str) -> Heard:
        """Wait while one agency after another is rung, and come back as one who waited does."""
        for place in range(1, 5):
            self.at += self.dice.uniform(0.5, 2)
            self.searching.ring(Ring(search, str(place)))
            if self.rows[search].state is not S.RINGING:
                return Returned()
            how = self.dice.choices(RINGS, HOW_OFTEN)[0]
            if back := self._rung(search, place, how):
                return back
        self.searching.advance(search, News(E.GAVE_UP))
        return Returned()

    def _rung(self, search: str, place: int, how: str) -> Heard | None:
        """Let a ring end in one way; nothing when the next agency is rung."""
        self.at += self.dice.uniform(4, 20)
        if how == "left":
            self.searching.advance(search, News(E.CALLER_LEFT))
            return CameBack("no_answer", gone=True)
        if how in {"accepted", "declined"}:
            self.searching.advance(search, News(E.ANSWERED, place))
            self.at += self.dice.uniform(5, 14)
        if how == "accepted":
            self.searching.advance(search, News(E.ACCEPTED, place))
            self.at += self.dice.uniform(60, 1500)
            self.searching.advance(search, News(E.TALKED))
            return CameBack("accepted", gone=self.dice.random() < TEXTS)
        ends = {"declined": News(E.DECLINED, place), "voicemail": News(E.MACHINE, place, how=how)}
        self.searching.advance(search, ends.get(how, News(E.MISSED, place, how=how)))
        return None

    def write(self, entry: Entry) -> None:
        """Note one thing, as a journal does."""
        self.noted.append(entry)

    def open(self, transfer: Transfer) -> None:
        """Keep a search, as SQL does."""
        self.rows.setdefault(transfer.id, transfer)

    def find(self, transfer_id: str) -> Transfer | None:
        """Give a search."""
        return self.rows.get(transfer_id)

    def change(
        self, transfer_id: str, decide: Decide, follow: Follow = nothing
    ) -> tuple[Transfer, Transfer] | None:
        """Change a search."""
        before = self.rows[transfer_id]
        after = self.rows[transfer_id] = decide(before, {}) or before
        follow(before, after)
        return before, after

    def unreached_in_a_row(self) -> int:
        """Alarm nobody."""
        return 0


class _Idle:
    """Does nothing later, keeps no secret and rings nobody: what is due is done by whoever pretends."""

    def put(self, effect: Effect, secret: str = "") -> None:
        """Leave an effect undone."""

    def put_here(self, effect: Effect) -> None:
        """Leave an effect undone."""

    def keep(self, name: str, secret: str) -> None:
        """Keep nothing."""

    def take(self, name: str) -> str:  # noqa: ARG002 - as asked
        """Give nothing."""
        return ""

    def text(self, number: str, words: str) -> None:
        """Text nobody."""

    def ring_agency(self, agency: Agency, path: str, seconds: int) -> str:  # noqa: ARG002 - as asked
        """Ring nobody."""
        return ""

    def ring_caller(self, number: str, path: str, seconds: int) -> str:  # noqa: ARG002 - as asked
        """Ring nobody."""
        return ""

    def hang_up(self, leg: str) -> None:
        """End nothing."""


class _Free:
    """Has every second free."""

    def near(self, most: float) -> bool:  # noqa: ARG002 - as asked
        """Say so."""
        return True

    def take(self, most: float) -> float | None:  # noqa: ARG002 - as asked
        """Take this second."""
        return 0.0
