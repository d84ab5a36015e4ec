"""One exchange: what was heard, and the turn that answers it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from ivr.effects import Effect
    from ivr.position import Position
    from ivr.understanding.understand import Understanding

Wish = Literal["leave", "stop", "start", "help", "call", "erase"]
How = Literal["accepted", "no_answer", "busy", "failed", "declined", "in_doubt"]


@dataclass(frozen=True)
class Arrived:
    """A call or a conversation begins."""


@dataclass(frozen=True)
class Pressed:
    """One key, or one digit texted."""

    key: str


@dataclass(frozen=True)
class Silent:
    """No key in the time given."""


@dataclass(frozen=True)
class Asked:
    """Words that name a stop, perhaps in a language of their own."""

    stop: str
    language: str = ""


@dataclass(frozen=True)
class Wished:
    """A word that the line itself obeys, whatever the stop."""

    wish: Wish
    answered: bool = False  # The telephone network has already answered it.
    language: str = ""  # The language of the word, where that is certain.


@dataclass(frozen=True)
class Unclear:
    """Something that we could not read: a picture, nothing, words we do not know."""


@dataclass(frozen=True)
class Texted:
    """A text, as it was understood: never its words."""

    meaning: Understanding


@dataclass(frozen=True)
class Spoken:
    """Words that a caller said, as they were understood: never the words."""

    meaning: Understanding
    clear: bool = True  # Whoever made them out was sure enough.


@dataclass(frozen=True)
class CameBack:
    """A ring of the direct path is over, and how."""

    how: How
    gone: bool = False  # The caller hung up.
    named: str = ""  # The agency that the caller heard named last, while waiting.


@dataclass(frozen=True)
class Returned:
    """The caller came back from waiting, and nobody was reached: they are to hear a choice."""


Heard = Arrived | Pressed | Silent | Asked | Wished | Unclear | Texted | Spoken | CameBack | Returned

KINDS: Mapping[type, str] = {
    Arrived: "arrived",
    Pressed: "key",
    Silent: "silence",
    Asked: "keyword",
    Wished: "wish",
    Unclear: "unclear",
    Texted: "unclear",
    Spoken: "speech",
    CameBack: "came_back",
    Returned: "returned",
}

TEXT_KINDS: Mapping[str, str] = {  # What was made of a text -> what the log calls it.
    "danger": "danger",
    "wish": "wish",
    "key": "key",
    "yes": "key",
    "no": "key",
    "sure": "keyword",
    "choices": "unsure",
    "lost": "unclear",
}
NOT_UNDERSTOOD = ("unsure", "unclear")  # Of these kinds.
OTHER_LANGUAGE = "other"


def kind(heard: Heard) -> str:
    """Name what kind of thing was heard, for the log: never the thing itself."""
    if isinstance(heard, Texted):
        found = heard.meaning
        return "keyword" if found.greeted else TEXT_KINDS[found.answer]
    return KINDS[type(heard)]


def written_in(heard: Heard, languages: Collection[str]) -> str:
    """Name the language of a text in words; "other" for none of the line's. Nothing for a key, or a call."""
    if not isinstance(heard, Texted) or kind(heard) == "key":
        return ""
    return heard.meaning.language if heard.meaning.language in languages else OTHER_LANGUAGE


def nearest_to(heard: Heard) -> str:
    """Name the stop that is nearest to a text that was not understood; nothing of one that was."""
    found = heard.meaning.intents if isinstance(heard, Texted) and kind(heard) in NOT_UNDERSTOOD else ()
    return found[0].stop if found else ""


@dataclass(frozen=True, slots=True)
class Say:
    """Words in one language. ``key`` names their prompt, so that a recording can replace them."""

    words: str
    language: str
    key: str = ""
    pause: bool = field(default=False, compare=False)  # Whether a short one follows, to take it in.


@dataclass(frozen=True, slots=True)
class Listen:
    """Wait for one key, while speaking and for some seconds after."""

    seconds: int
    speech: str = ""  # The language in which words do as well; none: keys alone.


@dataclass(frozen=True)
class Connect:
    """Ring one agency now, on the direct path, and join it when it accepts."""

    agency: str
    seconds: int  # What is asked of Twilio, which rings five more.


@dataclass(frozen=True)
class WaitInQueue:
    """Wait in a queue of one's own while a transfer searches for a person."""

    transfer_id: str


@dataclass(frozen=True)
class HangUp:
    """End the call; by text: say no more."""


Then = Listen | Connect | WaitInQueue | HangUp


@dataclass(frozen=True, slots=True)
class Turn:
    """The answer to one thing heard: words, what comes then, and what is to be done in the world."""

    position: Position
    says: tuple[Say, ...]
    then: Then
    effects: tuple[Effect, ...] = ()
    ended: str = ""  # How the ring before this turn ended.
    sign: str = ""  # Something that decides the outcome: see effects.Entry.outcome.


@dataclass(frozen=True)
class AskForPerson:
    """The caller wants a person. How they are reached, only the line can tell: see `Line.hear`.

    Answered by `voice.wait_in_queue`, `voice.ring_next` or `voice.unreached`, and by nothing else.
    """

    order: str  # In which agencies are rung.
    position: Position  # Where the caller is from now on.


Decision = Turn | AskForPerson


@dataclass(frozen=True)
class Roster:
    """Who can be rung at this moment, in each order; and the moment itself, in Unix seconds."""

    orders: Mapping[str, Sequence[str]]
    now: int


@dataclass(frozen=True)
class Phone:
    """What the line knows of a caller's phone: what may be done to it, and the marks that stand for it."""

    request: str = ""  # The id of what it asks for now; effects carry it.
    may_be_texted: bool = True
    may_be_rung: bool = True
    opted_out: bool = False  # It sent STOP, and no START since.
    turned_away: bool = False  # It is blocked, or texts too often: the numbers, and no more.
    opt_out_marks: tuple[str, ...] = ()  # Under which a STOP may stand, a new one under the first.
    marks: tuple[str, ...] = ()  # Under which the log may hold something about it.


ANY_PHONE = Phone()
