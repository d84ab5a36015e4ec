"""The verbs that speak and listen: Say, Play, Pause, Gather, Hangup, Redirect, Reject."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.simulator.documents import UNKNOWN_VERB, Page, Request
from ivr.simulator.legs import INSTANT, SPOKE, lasts
from ivr.simulator.listening import WORDS_PER_SECOND
from ivr.simulator.tasks import HungUp, Interruption, Steps, Wait

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from ivr.simulator.legs import Leg

LONGEST_SAY = 3000
SAY_FAULT = 13521
PLAY_SECONDS = 5.0  # The length of a recording is not known here.
KEY_PAUSES = {"w": 0.5, "W": 1.0}


def words_of(verb: Element) -> str:
    """Tell the words of a Say, without its markup."""
    return " ".join("".join(verb.itertext()).split())


def utter(leg: Leg, verb: Element, page: Page) -> Steps[str]:
    """Say, play or pause; return the key that broke in, if one did."""
    leg.answer()
    match verb.tag:
        case "Pause":
            return (yield from lasts(leg, float(verb.get("length", "1"))))
        case "Play" if verb.get("digits"):
            digits = verb.get("digits", "")
            return (yield from lasts(leg, sum(KEY_PAUSES.get(digit, 0.2) for digit in digits)))
        case "Play":
            words, seconds = f"[plays {page.join(words_of(verb))}]", PLAY_SECONDS
        case _:
            words = words_of(verb)
            rate = _rate(verb)
            seconds = len(words.split()) / (WORDS_PER_SECOND * rate) + _breaks(verb)
            _check(leg, words, page)
            words = f"[slowly] {words}" if rate < 1 else words
    for _ in range(int(verb.get("loop", "1")) or 1000):
        key = yield from _aloud(leg, words, seconds)
        if key:
            return key
    return ""


def _breaks(verb: Element) -> float:
    """Add up the pauses within a Say, which Twilio takes in milliseconds or seconds."""
    times = [each.get("time", "1s") for each in verb.iter("break")]
    return sum(float(t[:-2]) / 1000 if t.endswith("ms") else float(t.removesuffix("s")) for t in times)


def _rate(verb: Element) -> float:
    """Give the rate at which a Say is spoken: 1 is the usual."""
    marked = verb.find("prosody")
    return float(marked.get("rate", "100%").removesuffix("%")) / 100 if marked is not None else 1.0


def _check(leg: Leg, words: str, page: Page) -> None:
    if not words:
        leg.exchange.feed.notice(leg.sid, SAY_FAULT, f"an empty Say in {page.url}")
    if len(words) > LONGEST_SAY:
        leg.exchange.feed.notice(leg.sid, SAY_FAULT, f"a Say of {len(words)} characters in {page.url}")


def _aloud(leg: Leg, words: str, seconds: float) -> Steps[str]:
    line = leg.exchange.feed.add(leg.sid, leg.name, "heard", words, seconds)
    try:
        key = yield from lasts(leg, seconds)
    except Interruption:
        if leg.exchange.clock.now() < line.at + seconds - INSTANT:
            leg.exchange.feed.cut(line)
        raise
    if key:
        leg.exchange.feed.cut(line)
    return key


def speak(leg: Leg, verb: Element, page: Page) -> Steps[Request | None]:
    """Say, play or pause outside a Gather."""
    yield from utter(leg, verb, page)
    return None


def gather(leg: Leg, verb: Element, page: Page) -> Steps[Request | None]:
    """Speak, and collect keys or words; nothing pressed or said falls through to the next verb."""
    leg.answer()
    leg.speech = None
    leg.takes_speech = "speech" in verb.get("input", "dtmf").split()
    try:
        leg.gathers += 1
        leg.gathering = "speaking"
        leg.stir()
        key = yield from _prompt(leg, verb, page)
        leg.gathering = "waiting"
        leg.stir()
        digits, finished = yield from _collect(leg, verb, key)
    finally:
        leg.gathering, leg.takes_speech = "", False
    if leg.speech:
        said = {"SpeechResult": leg.speech.words, "Confidence": f"{leg.speech.confidence:.8f}"}
        return Request(page.join(verb.get("action")), said)
    if not digits and verb.get("actionOnEmptyResult") != "true":
        return None
    result = {"Digits": digits, "FinishedOnKey": finished, "msg": "Gather End"}
    return Request(page.join(verb.get("action")), result)


def _prompt(leg: Leg, verb: Element, page: Page) -> Steps[str]:
    for part in verb:
        if part.tag not in {"Say", "Play", "Pause"}:
            leg.exchange.feed.notice(leg.sid, UNKNOWN_VERB, f"{part.tag} in a Gather in {page.url}")
            continue
        key = yield from utter(leg, part, page)
        if key:
            return key
    return ""


def _collect(leg: Leg, verb: Element, key: str) -> Steps[tuple[str, str]]:
    finish = verb.get("finishOnKey", "#")
    most = int(verb.get("numDigits", "0"))
    timeout = float(verb.get("timeout", "5"))
    digits = ""
    while True:
        key = key or (yield from lasts(leg, timeout))
        if not key or key == SPOKE:
            return digits, ""
        if key in finish:
            return digits, key
        digits, key = digits + key, ""
        if len(digits) == most:
            return digits, ""


def hang_up(_leg: Leg, _verb: Element, _page: Page) -> Steps[Request | None]:
    """Hang up."""
    yield Wait(0)
    raise HungUp("line")


def redirect(_leg: Leg, verb: Element, page: Page) -> Steps[Request | None]:
    """Go to another document; the form there is the standard set."""
    yield Wait(0)
    return Request(page.join(words_of(verb)))


def reject(leg: Leg, verb: Element, page: Page) -> Steps[Request | None]:
    """Refuse an inbound call, if this is the first thing it meets."""
    yield Wait(0)
    if leg.status != "ringing" or page.verbs[0] is not verb:
        leg.exchange.feed.notice(leg.sid, UNKNOWN_VERB, f"a late Reject in {page.url}")
        return None
    raise HungUp("line", "busy" if verb.get("reason") == "busy" else "no-answer")


SPEAKING = {"Say": speak, "Play": speak, "Pause": speak}
WHISPER = {"Say": speak, "Play": speak, "Gather": gather, "Hangup": hang_up}
