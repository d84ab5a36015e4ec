"""Turn what the line decided into TwiML. Pure: the same turn is the same document."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from twilio.twiml.messaging_response import MessagingResponse
from twilio.twiml.voice_response import Dial, Gather, VoiceResponse

from ivr.flow.rendering import SLOW_RATE, fill
from ivr.flow.turn import Connect, HangUp, Listen, Say, Turn, WaitInQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping

    from ivr.flow.models import Flow


# Documents written once and kept: the same words before the same key differ only in where they lead.

MOST_DOCUMENTS = 4096  # Documents kept, of two kilobytes each: thirteen spoken languages have 1,900.
SLOT = "where-the-caller-is-after-this"  # Stands in a document for the path of a position, until one is kept.


class KeptDocuments:
    """Holds documents as the pieces between which a path is put."""

    def __init__(self) -> None:
        self._pieces: dict[Hashable, list[str]] = {}

    def __len__(self) -> int:
        """Count the documents that are kept."""
        return len(self._pieces)

    def fill(self, key: Hashable, path: str, write: Callable[[str], str]) -> str:
        """Give a document with a path of a position in it; ``write`` writes one anew.

        Such a path is of letters that XML takes as they are: see `position`.
        """
        pieces = self._pieces.get(key)
        if pieces is None:
            if len(self._pieces) >= MOST_DOCUMENTS:
                with suppress(KeyError, RuntimeError):  # Another thread was there first.
                    del self._pieces[next(iter(self._pieces))]  # The oldest: soon kept again if much heard.
            pieces = self._pieces[key] = write(SLOT).split(SLOT)
        return path.join(pieces)


LONGEST_SAY = 2400  # Of what Twilio takes: 3,000 characters, and 4,500 once URL-encoded.
LONGEST_TEXT = 1600
# Voices that take a rate: all that the line's languages have. Any other says each sentence by itself, with a
# pause after it; so is a recording slow, where there is no voice.
TAKES_RATE = re.compile(r"Polly\.\w+(-Neural)?|Google\.[\w-]+-(Standard|Wavenet|Neural2)-\w")
RATE = f"{SLOW_RATE:.0%}"
SLOW_PAUSE = 1  # Seconds.
CHOICE_PAUSE = 0.6  # Seconds after each choice; the Pause verb knows whole seconds alone.
SLOWLY = "slow"  # In the address of a wait document: its caller asked for slower speech.
DELIVERY_PATH = "/sms/status"  # Where Twilio tells whether a text of ours arrived.
SENTENCE_END = re.compile(r"(?<=[.?!…।۔؟])\s+|(?<=[。！？])\s*")  # noqa: RUF001 - as each script ends one


@dataclass(frozen=True)
class TwimlRenderer:
    """How one line speaks: its flow, whose voices and recordings it has, its number and its address."""

    flow: Flow
    number: str
    public_url: str
    hints: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # What callers may say, by language.
    _kept: KeptDocuments = field(default_factory=KeptDocuments, init=False, repr=False, compare=False)

    def answer(self, turn: Turn, whisper: str = "") -> str:
        """Write the TwiML of one turn of a call. ``whisper`` is the path that an agency hears first."""
        match turn.then:
            case Listen() as listen:
                slow = turn.position.slow
                write = partial(self._listen, turn.says, listen, slow=slow)
                return self._kept.fill((turn.says, listen, slow), turn.position.path(), write)
            case Connect() as connect:
                document = VoiceResponse()
                self.say(document, turn.says, slow=turn.position.slow)
                document.append(self._dial(turn, connect, whisper))
                return str(document)
            case WaitInQueue(transfer_id):
                return self._enqueue(turn, transfer_id)
            case HangUp():
                slow = turn.position.slow
                return self._kept.fill(
                    (turn.says, slow), "", lambda _: self.last_words(turn.says, hang_up=True, slow=slow)
                )

    def whisper(self, says: Iterable[Say], decided: str, seconds: int) -> str:
        """Write what a person at an agency hears before the caller: words, then one key."""
        document = VoiceResponse()
        gather = self._gather(decided, seconds)
        self.say(gather, says)
        document.append(gather)
        document.hangup()
        return str(document)

    def last_words(self, says: Iterable[Say], *, hang_up: bool, slow: bool = False) -> str:
        """Write words after which the leg is hung up, or goes on to where the network leads it."""
        document = VoiceResponse()
        self.say(document, says, slow=slow)
        if hang_up:
            document.hangup()
        return str(document)

    def ask(
        self, says: Iterable[Say], action: str, seconds: int, speech: str = "", *, slow: bool = False
    ) -> str:
        """Write words that wait for one key at a path, and then come back to it.

        ``speech`` is the language in which spoken words do as well.
        """
        document = VoiceResponse()
        gather = self._gather(action, seconds, speech)
        self.say(gather, says, slow=slow)
        document.append(gather)
        document.redirect(self.public_url + action, method="POST")
        return str(document)

    def ring(self, agency: str, says: Iterable[Say], seconds: int, after: str) -> str:
        """Write words, then ring an agency that answers by itself."""
        document = VoiceResponse()
        self.say(document, says)
        dial = Dial(caller_id=self.number, timeout=seconds, action=self.public_url + after, method="POST")
        dial.number(self.flow.directory.agencies[agency].number)
        document.append(dial)
        return str(document)

    def farewell(self, language: str) -> Say:
        """Give the innocuous sentence with which a caller leaves, in the language they are spoken to."""
        tongue, leave = self.flow.speaks(language)[0], self.flow.menus.leave
        words = fill(self.flow, tongue, self.flow.prompts[tongue].stops[leave].say)
        return Say(words, tongue, f"stops.{leave}.say")

    def say(self, parent: Any, says: Iterable[Say], *, slow: bool = False) -> None:  # twilio has no types
        """Speak words, in a voice of their language or from a recording; slow ones by a voice if there is."""
        for say in says:
            voice = self.flow.line.languages[say.language]
            if (say.language, say.key) in self.flow.recordings and not (slow and voice.voice):
                parent.play(f"{self.public_url}/audio/{say.language}/{say.key}.mp3")
                if slow:
                    parent.pause(length=SLOW_PAUSE)
                continue
            if not voice.voice:  # Other words were published since this turn was decided.
                voice = self.flow.line.languages[self.flow.stands_in(say.language)[0]]
            said = None
            rated = slow and TAKES_RATE.fullmatch(voice.voice)
            for words in pieces(say.words) if rated or not slow else SENTENCE_END.split(say.words.strip()):
                said = parent.say(None if rated else words, voice=voice.voice, language=voice.code)
                if rated:
                    said.prosody(words, rate=RATE)
                elif slow:
                    parent.pause(length=SLOW_PAUSE)
            if said is not None and say.pause:
                said.break_(time=f"{CHOICE_PAUSE * 1000:.0f}ms")

    def _enqueue(self, turn: Turn, transfer_id: str) -> str:
        """Let the caller wait in a queue of their own: the first words come from its first wait document."""
        document = VoiceResponse()
        language = turn.position.language or "-"
        slow = f"/{SLOWLY}" if turn.position.slow else ""
        document.enqueue(
            queue_name(transfer_id),
            wait_url=f"{self.public_url}/wait/{transfer_id}/{language}/{turn.position.asked}/0/0{slow}",
            wait_url_method="POST",
            action=f"{self.public_url}/voice/{turn.position.path()}",
            method="POST",
        )
        return str(document)

    def _listen(self, says: Iterable[Say], listen: Listen, path: str, *, slow: bool) -> str:
        return self.ask(says, f"/voice/{path}", listen.seconds, listen.speech, slow=slow)

    def _gather(self, action: str, seconds: int, speech: str = "") -> Gather:
        # No finishing key: the pound key is a key like any other, and means "leave".
        gather = Gather(
            input="dtmf speech" if speech else "dtmf",
            num_digits=1,
            timeout=seconds,
            finish_on_key="",
            action=self.public_url + action,
            method="POST",
        )
        if speech:
            gather.attrs |= {
                "language": self.flow.line.languages[speech].speech,
                "hints": ",".join(self.hints.get(speech, ())),
                "speechTimeout": "auto",
                "profanityFilter": "false",  # A masked "rape" helps nobody.
            }
        return gather

    def _dial(self, turn: Turn, connect: Connect, whisper: str) -> Dial:
        """Ring one agency. Caller ID is always ours: an agency never sees the caller's number."""
        agency = self.flow.directory.agencies[connect.agency]
        dial = Dial(
            caller_id=self.number,
            timeout=connect.seconds,
            action=f"{self.public_url}/voice/{turn.position.path()}",
            method="POST",
        )
        if agency.accept == "press":
            dial.number(agency.number, url=self.public_url + whisper, method="POST")
        else:
            dial.number(agency.number)
        return dial


def queue_name(transfer_id: str) -> str:
    """Name the queue in which the caller of one transfer waits."""
    return f"transfer-{transfer_id}"


def text(turn: Turn, public_url: str) -> str:
    """Write the TwiML that answers a text; empty when there is nothing to say."""
    document = MessagingResponse()
    words = "\n".join(say.words for say in turn.says)
    if words:
        document.message(words[:LONGEST_TEXT], status_callback=public_url + DELIVERY_PATH)
    return str(document)


def pieces(words: str) -> Iterator[str]:
    """Cut words into pieces that Twilio speaks, between sentences where there are any."""
    piece = ""
    for sentence in SENTENCE_END.split(words.strip()):
        for part in _short(sentence):
            if piece and len(quote(f"{piece} {part}")) > LONGEST_SAY:
                yield piece
                piece = part
            else:
                piece = f"{piece} {part}".strip()
    if piece:
        yield piece


def _short(sentence: str) -> Iterator[str]:
    """Cut a sentence that is too long by itself; a letter may take nine characters of Twilio's limit."""
    while len(quote(sentence)) > LONGEST_SAY:
        yield sentence[: LONGEST_SAY // 9]
        sentence = sentence[LONGEST_SAY // 9 :]
    yield sentence
