"""The TwiML of a transfer: what its caller hears while they wait, what the agency hears, how they are joined.

A waiting caller hears a true, calm line, and has a key for every way out. An agency hears what the call is
before anybody is joined, in a language that it speaks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from twilio.twiml.voice_response import Dial, Gather, VoiceResponse

from ivr.flow.models import TOPICS
from ivr.flow.rendering import SLOW_RATE, joined_with, language_name, named, seconds, spell, topics
from ivr.telephony.twiml import CHOICE_PAUSE, SLOWLY, queue_name
from ivr.transfer.machine import LEG, State
from ivr.transfer.time_limits import OFFER_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ivr.flow.models import Flow
    from ivr.flow.turn import Say
    from ivr.telephony.twiml import TwimlRenderer
    from ivr.transfer.machine import Transfer

LOST_SECONDS = 30  # Without SQL: a ring that was claimed before is over by now.
CALLED = frozenset({State.NAMED, State.DIALLING, State.RINGING})  # Nobody has answered yet.
ANSWERED = frozenset({State.BRIEFING, State.CONNECTED})  # Somebody at an agency hears us.
SHORTEST_ANSWER = 5  # Seconds that an agency has at least to press a key.
QUEUE_SECONDS = 5  # How long an agency waits at a queue that its caller has left.
SHORT_PAUSE, LONG_PAUSE = 1, 3  # Seconds to listen for a key: until somebody is rung, and after.
# What a wait document says, by a word that can stand in its address.
NAME, ASK, OFFER, THANKS, CALM = "fresh", "ask", "offer", "thanks", "calm"
LAST = frozenset({NAME, ASK, OFFER})
TOPICS_ASKED, OFFERED = "topics", "offered"


@dataclass(frozen=True)
class WaitPosition:
    """Which fetch of the wait document this is, and what was said before: the document's URL."""

    transfer_id: str
    language: str
    asked: int = 0  # The Unix second in which a person was asked for.
    tick: int = 0
    said: int = 0  # The attempt that was last spoken of.
    last: str = ""  # What the last document said, where the caller may want it again: one of LAST.
    topics: bool = False  # The caller was asked what we may tell the agency.
    offered: bool = False  # The caller has heard that there are other ways.
    slow: bool = False  # The caller asked for slower speech.

    def path(self) -> str:
        """Write it as a path."""
        told = [self.last, TOPICS_ASKED * self.topics, OFFERED * self.offered, SLOWLY * self.slow]
        since = "-".join(word for word in told if word)
        here = f"/wait/{self.transfer_id}/{self.language or '-'}/{self.asked}/{self.tick}/{self.said}"
        return f"{here}/{since}" if since else here

    def after(self, since: str) -> WaitPosition:
        """Read what was said before, as a path writes it; what is unknown means nothing."""
        told = since.split("-")
        last = next((word for word in told if word in LAST), "")
        return replace(
            self, last=last, topics=TOPICS_ASKED in told, offered=OFFERED in told, slow=SLOWLY in told
        )


def waiting(  # noqa: PLR0913 - all that a wait document depends on
    speech: TwimlRenderer,
    position: WaitPosition,
    transfer: Transfer | None,
    *,
    offer: bool,
    waited: int,
    topic: str = "",
    repeats: bool = False,
) -> str:
    """Write one wait document. ``transfer`` is nothing when SQL cannot be asked.

    ``waited`` is how many seconds, ``topic`` what the caller chose to have told, ``repeats`` whether they
    want the last words again.
    """
    state = transfer.state if transfer else None
    if state in {State.RETURNED, State.DIRECT}:
        return leave()
    if state is State.LEFT:
        return goodbye(speech, position.language, slow=position.slow)
    says = _what_to_say(speech.flow, position, transfer, offer=offer, topic=topic, repeats=repeats)
    if says == ASK and not (repeats or position.offered or _leaves_time(speech.flow, position, waited)):
        says = CALM
    naming = transfer is not None and transfer.state is State.NAMING
    onward = replace(
        position,
        tick=position.tick + 1,
        said=max(position.said, transfer.place + naming) if transfer else position.said,
        last=says if says in LAST else "",
        topics=position.topics or says == ASK,
        offered=position.offered or offer,
    )
    document = VoiceResponse()
    gather = Gather(
        input="dtmf",
        num_digits=1,
        timeout=_pause(says, transfer),
        finish_on_key="",
        action=speech.public_url + onward.path(),
        method="POST",
    )
    for language in speech.flow.speaks(position.language):
        speech.say(gather, _lines(speech.flow, language, position, transfer, says), slow=position.slow)
    document.append(gather)
    document.redirect(speech.public_url + onward.path(), method="POST")
    return str(document)


def lost(position: WaitPosition, waited: int) -> bool:
    """Whether a caller of whom SQL tells nothing has waited long enough for that."""
    return position.tick > 0 and waited >= LOST_SECONDS


def leave() -> str:
    """Take the caller out of the queue, to where its action leads."""
    document = VoiceResponse()
    document.leave()
    return str(document)


def goodbye(speech: TwimlRenderer, language: str, *, slow: bool = False) -> str:
    """Say the innocuous sentence, and hang up."""
    document = VoiceResponse()
    speech.say(document, [speech.farewell(language)], slow=slow)
    document.hangup()
    return str(document)


def whisper_words(flow: Flow, agency: str) -> tuple[Say, ...]:
    """Say whose call it is and which key takes it; nothing about the caller, as anybody may have answered."""
    tongue = _tongue(flow, agency)
    return tuple(spell(flow, tongue, line) for line in ("whisper", "whisper_more", "whisper"))


def accepted_words(flow: Flow, agency: str, language: str, topic: str = "") -> tuple[Say, ...]:
    """Tell the person who took the call what it is about and in which language, in one sentence."""
    tongue = _tongue(flow, agency)
    words = flow.prompts[tongue].lines
    about = getattr(words, f"topic_{topic}") if topic in TOPICS else words.topic_unknown
    if language in flow.prompts:
        name = language_name(flow, language, tongue)
        return (spell(flow, tongue, "whisper_accepted", topic=about, language=name),)
    return (spell(flow, tongue, "whisper_accepted_unknown", topic=about),)


def declined_words(flow: Flow, agency: str) -> tuple[Say, ...]:
    """Thank a person who does not take the call."""
    return (spell(flow, _tongue(flow, agency), "whisper_declined"),)


def taken_words(flow: Flow, agency: str, *, gone: bool = False) -> tuple[Say, ...]:
    """Thank an agency that came after another, or after the caller had hung up."""
    return (spell(flow, _tongue(flow, agency), "gone" if gone else "taken"),)


def seconds_left(flow: Flow, says: Iterable[Say]) -> int:
    """Give the seconds to wait for a key after the words, so that silence declines in the time agreed."""
    return max(SHORTEST_ANSWER, round(flow.line.patience.whisper - seconds(flow, says)))


def dial(speech: TwimlRenderer, transfer_id: str, attempt: int, transfer: Transfer | None) -> str:
    """Write how an agency that took the call reaches its caller: a queue of one is the last arbiter.

    ``transfer`` is nothing when SQL is gone.
    """
    document = VoiceResponse()
    agency = transfer.agency if transfer else ""
    over = f"{speech.public_url}/transfers/{transfer_id}/{attempt}/over"
    joined = Dial(timeout=QUEUE_SECONDS, action=over, method="POST")
    language = (transfer.language if transfer else "") or "-"
    known = speech.flow.directory.agencies.get(agency)
    # Nothing is said into the greeting of a switchboard: its caller has heard who it is before it was called.
    if known and known.accept == "press":
        options = {"url": f"{speech.public_url}/transfers/{transfer_id}/{language}/{agency}/joined"}
    else:
        options = {}
    joined.queue(queue_name(transfer_id), **options)
    document.append(joined)
    return str(document)


def accepted(speech: TwimlRenderer, transfer_id: str, attempt: int, transfer: Transfer | None) -> str:
    """Write what an agency that took the call is told of its caller, before it is joined with them."""
    document = VoiceResponse()
    agency, language = (transfer.agency, transfer.language) if transfer else ("", "")
    speech.say(document, accepted_words(speech.flow, agency, language, transfer.topic if transfer else ""))
    document.redirect(f"{speech.public_url}/transfers/{transfer_id}/{attempt}/join", method="POST")
    return str(document)


def announce(speech: TwimlRenderer, language: str, agency: str, *, slow: bool = False) -> str:
    """Write what the caller alone hears just before they are joined with a person: who is there."""
    flow = speech.flow
    says = [  # None where the agency was taken out of the files since it was called.
        joined_with(flow, tongue, agency)
        for tongue in flow.speaks(language)
        if agency in flow.prompts[tongue].agencies
    ]
    return speech.last_words(says, hang_up=False, slow=slow)


def _what_to_say(  # noqa: PLR0913 - as of the document
    flow: Flow, position: WaitPosition, transfer: Transfer | None, *, offer: bool, topic: str, repeats: bool
) -> str:
    """Choose what a wait document says: who is called, a question, an offer, thanks, or a calm line."""
    if offer:
        return OFFER
    if transfer is None:
        return CALM
    if transfer.state is State.NAMING:
        return NAME
    if repeats and (position.last == OFFER or transfer.state in CALLED):
        return position.last or NAME
    if topic and transfer.topic == topic:
        return THANKS
    if transfer.place > position.said:
        return NAME  # Its document was lost on the way, or was written before an upgrade.
    # Once, while the first agency rings, the caller may choose what it is told.
    called = flow.directory.agencies.get(transfer.agency)
    asks = transfer.state is State.RINGING and transfer.place == 1 and called and called.accept == "press"
    return ASK if asks and not position.topics else CALM


def _leaves_time(flow: Flow, position: WaitPosition, waited: int) -> bool:
    """Whether a caller who is asked for the topic still hears in time that there are other ways."""
    says = [say for each in flow.speaks(position.language) for say in _asking(flow, each)]
    takes = seconds(flow, says) / (SLOW_RATE if position.slow else 1) + CHOICE_PAUSE * sum(
        say.pause for say in says
    )
    return waited + takes + SHORT_PAUSE + OFFER_SECONDS <= flow.line.patience.choice


def _pause(says: str, transfer: Transfer | None) -> int:
    """Choose how long to listen: shortly while nobody rings, or where the words were long."""
    rung = transfer is not None and transfer.state in LEG
    return LONG_PAUSE if says == OFFER or (rung and says in {CALM, THANKS}) else SHORT_PAUSE


def _lines(
    flow: Flow, language: str, position: WaitPosition, transfer: Transfer | None, says: str
) -> tuple[Say, ...]:
    """Give the words of a wait document."""
    answered = transfer is not None and transfer.state in ANSWERED
    match says:
        case "offer":
            return (spell(flow, language, "wait_offer_briefing" if answered else "wait_offer"),)
        case "ask":
            return _asking(flow, language)
        case "thanks":
            return (spell(flow, language, "topic_thanks"),)
        case "fresh" if transfer:
            # Those who were named before could not take the call; of one that rings again that is not so.
            missed = transfer.state is State.NAMING and position.said and position.last != NAME
            sorry = (spell(flow, language, "next_line"),) if missed else ()
            return (*sorry, named(flow, language, transfer.agency))
    if transfer is None:
        return (spell(flow, language, "wait_first" if position.tick == 0 else "fixed_wait"),)
    return (spell(flow, language, _still(transfer)),)


def _asking(flow: Flow, language: str) -> tuple[Say, ...]:
    """Ask what an agency may be told."""
    return (spell(flow, language, "topic_ask"), *topics(flow, language))


def _still(transfer: Transfer) -> str:
    """Choose a true line for an attempt that was spoken of before."""
    if transfer.state in ANSWERED:
        return "wait_briefing"
    return "wait_on" if transfer.state is State.RINGING else "wait_first"


def _tongue(flow: Flow, agency: str) -> str:
    """Choose the language to speak with an agency: the first of theirs that is ours."""
    known = flow.directory.agencies.get(agency)
    theirs = [language for language in (known.languages if known else ()) if language in flow.synthetic]
    return (theirs or flow.first_languages)[0]
