"""The TwiML of a transfer: what its caller hears while they wait, what the agency hears, how they are joined.

A waiting caller hears a true, calm line, and has a key for every way out. An agency hears what the call is
before anybody is joined, in a language that it speaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from twilio.twiml.voice_response import Dial, Gather, VoiceResponse

from ivr.flow.models import TOPICS
from ivr.flow.rendering import spell
from ivr.telephony.twiml import queue_name
from ivr.transfer.machine import LEG, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ivr.flow.models import Flow
    from ivr.flow.turn import Say
    from ivr.telephony.twiml import TwimlRenderer
    from ivr.transfer.machine import Transfer

LOST_SECONDS = 30  # Without SQL: a ring that was claimed before is over by now.
ANSWERED = frozenset({State.BRIEFING, State.CONNECTED})  # Somebody at an agency hears us.
SHORTEST_ANSWER = 5  # Seconds that an agency has at least to press a key.
QUEUE_SECONDS = 5  # How long an agency waits at a queue that its caller has left.
SHORT_PAUSE, LONG_PAUSE = 1, 4  # Seconds to listen for a key: until somebody is rung, and after.


@dataclass(frozen=True)
class WaitPosition:
    """Which fetch of the wait document this is, and what was said before: the document's URL."""

    transfer_id: str
    language: str
    asked: int = 0  # The Unix second in which a person was asked for.
    tick: int = 0
    said: int = 0  # The attempt that was last spoken of.
    fresh: bool = False  # It was spoken of in the last fetch for the first time.
    offered: bool = False  # The caller has heard that there are other ways.

    def path(self) -> str:
        """Write it as a path."""
        since = "/offered" if self.offered else "/fresh" if self.fresh else ""
        return f"/wait/{self.transfer_id}/{self.language or '-'}/{self.asked}/{self.tick}/{self.said}{since}"


def waiting(speech: TwimlRenderer, position: WaitPosition, transfer: Transfer | None, *, offer: bool) -> str:
    """Write one wait document. ``transfer`` is nothing when SQL cannot be asked."""
    state = transfer.state if transfer else None
    if state in {State.RETURNED, State.DIRECT}:
        return leave()
    if state is State.LEFT:
        return goodbye(speech, position.language)
    said = transfer.place if transfer else position.said
    onward = WaitPosition(
        position.transfer_id,
        position.language,
        position.asked,
        position.tick + 1,
        said,
        fresh=said != position.said,
        offered=position.offered or offer,
    )
    document = VoiceResponse()
    gather = Gather(
        input="dtmf",
        num_digits=1,
        timeout=_pause(position, transfer, offer=offer),
        finish_on_key="",
        action=speech.public_url + onward.path(),
        method="POST",
    )
    for language in [position.language] if position.language else speech.flow.languages:
        speech.say(gather, _lines(speech, language, position, transfer, offer=offer))
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


def goodbye(speech: TwimlRenderer, language: str) -> str:
    """Say the innocuous sentence, and hang up."""
    document = VoiceResponse()
    speech.say(document, [speech.farewell(language)])
    document.hangup()
    return str(document)


def whisper_words(flow: Flow, agency: str) -> tuple[Say, ...]:
    """Say whose call it is and which key takes it; nothing about the caller, as anybody may have answered."""
    tongue = _tongue(flow, agency)
    return tuple(spell(flow, tongue, line) for line in ("whisper", "whisper_more", "whisper"))


def accepted_words(flow: Flow, agency: str, language: str, topic: str = "") -> tuple[Say, ...]:
    """Thank the person who took the call; name the caller's language, and what they agreed to say."""
    tongue = _tongue(flow, agency)
    if language in flow.prompts:
        name = flow.prompts[language].lines.language_name
        thanks = spell(flow, tongue, "whisper_accepted", language=name)
    else:
        thanks = spell(flow, tongue, "whisper_accepted_unknown")
    if topic not in TOPICS:
        return (thanks,)
    about = getattr(flow.prompts[tongue].lines, f"topic_{topic}")
    return (thanks, spell(flow, tongue, "whisper_topic", topic=about))


def declined_words(flow: Flow, agency: str) -> tuple[Say, ...]:
    """Thank a person who does not take the call."""
    return (spell(flow, _tongue(flow, agency), "whisper_declined"),)


def taken_words(flow: Flow, agency: str, *, gone: bool = False) -> tuple[Say, ...]:
    """Thank an agency that came after another, or after the caller had hung up."""
    return (spell(flow, _tongue(flow, agency), "gone" if gone else "taken"),)


def seconds_left(flow: Flow, says: Iterable[Say]) -> int:
    """Give the seconds to wait for a key after the words, so that silence declines in the time agreed."""
    spoken = sum(
        len(say.words.split()) * 60 / flow.line.languages[say.language].words_per_minute for say in says
    )
    return max(SHORTEST_ANSWER, round(flow.line.patience.whisper - spoken))


def dial(speech: TwimlRenderer, transfer_id: str, attempt: int, transfer: Transfer | None) -> str:
    """Write how an agency that took the call reaches its caller: a queue of one is the last arbiter.

    ``transfer`` is nothing when SQL is gone.
    """
    document = VoiceResponse()
    agency = transfer.agency if transfer else ""
    over = f"{speech.public_url}/transfers/{transfer_id}/{attempt}/over"
    joined = Dial(timeout=QUEUE_SECONDS, action=over, method="POST")
    language = (transfer.language if transfer else "") or "-"
    options = (
        {"url": f"{speech.public_url}/transfers/{transfer_id}/{language}/{agency}/joined"} if agency else {}
    )
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


def announce(speech: TwimlRenderer, language: str, agency: str) -> str:
    """Write what the caller alone hears just before: who is there.

    A switchboard may answer before any wait document has said who it is, so that is said here as well.
    """
    flow = speech.flow
    answers = flow.directory.agencies[agency].accept == "answer"
    line = "ringing_answer" if answers else "joining"  # Of a switchboard: its greeting and keys are not ours.
    tongues = [language] if language in flow.prompts else flow.languages
    names = {tongue: flow.prompts[tongue].agencies[agency] for tongue in tongues}
    says = [spell(flow, tongue, line, agency=words.name, who=words.who) for tongue, words in names.items()]
    return speech.last_words(says, hang_up=False)


def _pause(position: WaitPosition, transfer: Transfer | None, *, offer: bool) -> int:
    """Choose how long to listen: shortly while nobody rings, or where the words were long."""
    rung = transfer is not None and transfer.state in LEG
    return LONG_PAUSE if offer or (rung and not position.fresh) else SHORT_PAUSE


def _lines(
    speech: TwimlRenderer, language: str, position: WaitPosition, transfer: Transfer | None, *, offer: bool
) -> tuple[Say, ...]:
    flow = speech.flow
    if offer:
        answered = transfer is not None and transfer.state in ANSWERED
        return (spell(flow, language, "wait_offer_briefing" if answered else "wait_offer"),)
    if transfer is None:
        return (spell(flow, language, "wait_first" if position.tick == 0 else "fixed_wait"),)
    if transfer.place == 0:
        return (spell(flow, language, "wait_first"),)
    answers = flow.directory.agencies[transfer.agency].accept == "answer"
    if transfer.place == position.said:
        # Once, while the first agency rings, the caller may choose what it is told.
        asks = position.fresh and transfer.place == 1 and transfer.state is State.RINGING and not answers
        return _topics(speech, language) if asks else (spell(flow, language, _still(transfer)),)
    names = flow.prompts[language].agencies[transfer.agency]
    line = "ringing_answer" if answers else "ringing"
    missed = (spell(flow, language, "next_line"),) if position.said else ()
    return (*missed, spell(flow, language, line, agency=names.name, who=names.who))


def _still(transfer: Transfer) -> str:
    """Choose a true line for an attempt that was spoken of before."""
    if transfer.state in ANSWERED:
        return "wait_briefing"
    return "wait_first" if transfer.state is State.SEARCHING else "wait_on"


def _topics(speech: TwimlRenderer, language: str) -> tuple[Say, ...]:
    """Offer to tell the agency what the call is about."""
    flow = speech.flow
    words = flow.prompts[language].lines
    offers = (
        spell(flow, language, "choice", task=getattr(words, f"topic_{number}"), key=number)
        for number in TOPICS
    )
    return (spell(flow, language, "topic_ask"), *offers)


def _tongue(flow: Flow, agency: str) -> str:
    """Choose the language to speak with an agency: the first of theirs that is ours."""
    known = flow.directory.agencies.get(agency)
    theirs = [language for language in (known.languages if known else ()) if language in flow.prompts]
    return (theirs or list(flow.languages))[0]
