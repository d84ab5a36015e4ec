"""The verb Dial: rings numbers or takes the first of a queue, and joins two legs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ivr.simulator import forms
from ivr.simulator.documents import UNKNOWN_VERB, Page, Request
from ivr.simulator.legs import INSTANT, Bridge, Leg, Plan
from ivr.simulator.ringing import BUFFER, dialled
from ivr.simulator.speaking import words_of
from ivr.simulator.tasks import HungUp, Interruption, Key, Steps, Task, Wait

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from ivr.simulator.queues import Waiting

BAD_CALLER_ID = 13214
STATES = frozenset({"initiated", "ringing", "answered", "completed"})


@dataclass
class Dialled:
    """What a Dial has come to."""

    status: str = "no-answer"
    leg: Leg | None = None
    bridge: Bridge | None = None
    parts: list[Leg] = field(default_factory=list)

    def form(self) -> dict[str, str]:
        """Write what the action of a Dial is told."""
        told = {"DialCallStatus": self.status, "DialBridged": "true" if self.bridge else "false"}
        if self.leg is not None:
            told["DialCallSid"] = self.leg.sid
            told["DialCallDuration"] = str(self._seconds())
        return told

    def _seconds(self) -> int:
        if self.leg is None or self.bridge is None:
            return self.leg.talked if self.leg else 0
        return round(self.leg.exchange.clock.now() - self.bridge.since)

    def drop(self) -> None:
        """End every leg that this Dial made, and the bridge."""
        if self.bridge is not None:
            self.bridge.part()
        for part in self.parts:
            part.end(HungUp("line", "canceled"))


def dial(leg: Leg, verb: Element, page: Page) -> Steps[Request | None]:
    """Ring and join; then on to the action, or to the next verb where there is none."""
    result = Dialled()
    action = verb.get("action")
    if verb.get("answerOnBridge") != "true":
        leg.answer()
    try:
        queue = verb.find("Queue")
        if queue is not None:
            yield from _take(leg, verb, queue, page, result)
        else:
            yield from _ring_all(leg, verb, page, result)
    except HungUp:
        result.status = "completed" if result.bridge else "canceled"
        if action is not None:
            told = forms.voice(leg) | {"CallStatus": "completed"} | result.form()
            leg.exchange.callbacks.tell(leg, page.join(action), told)
        raise
    finally:
        result.drop()
    return None if action is None else Request(page.join(action), result.form())


def _ring_all(leg: Leg, verb: Element, page: Page, result: Dialled) -> Steps[None]:
    caller_id = verb.get("callerId", leg.number)
    if caller_id not in {leg.exchange.number, leg.number}:
        leg.exchange.feed.notice(leg.sid, BAD_CALLER_ID, caller_id)
        result.status = "failed"
        return
    numbers = _numbers(leg, verb, page)
    rounds = [[number] for number in numbers] if verb.get("sequential") == "true" else [numbers]
    for together in rounds:
        result.parts = [_call(leg, number, verb, page) for number in together]
        yield from _settle(leg, verb, result)
        if result.bridge is not None:
            return


def _numbers(leg: Leg, verb: Element, page: Page) -> list[Element]:
    for noun in verb:
        if noun.tag != "Number":
            leg.exchange.feed.notice(leg.sid, UNKNOWN_VERB, f"{noun.tag} in a Dial in {page.url}")
    return list(verb.findall("Number")) or [verb]


def _call(leg: Leg, noun: Element, verb: Element, page: Page) -> Leg:
    callback = noun.get("statusCallback")
    plan = Plan(
        callback=page.join(callback) if callback else None,
        events=frozenset(noun.get("statusCallbackEvent", "completed").split()) & STATES,
    )
    part = leg.exchange.leg("outbound-dial", verb.get("callerId", leg.number), words_of(noun), plan)
    part.parent = leg
    whisper = noun.get("url") if noun.tag == "Number" else None
    seconds = float(verb.get("timeout", "30"))
    part.task = Task(leg.exchange.clock, dialled(part, seconds, page.join(whisper) if whisper else ""))
    return part


def _settle(leg: Leg, verb: Element, result: Dialled) -> Steps[None]:
    star = verb.get("hangupOnStar") == "true"
    while True:
        ready = [part for part in result.parts if part.ready and not part.over]
        if ready:
            yield from _join(leg, ready[0], result, verb)
            return
        if all(part.over for part in result.parts):
            result.leg = result.parts[-1]
            refused = result.leg.status == "completed"
            result.status = leg.exchange.faults.refused_status if refused else result.leg.status
            return
        signal = yield Wait(None)
        if star and isinstance(signal, Key) and signal.key == "*":
            result.leg, result.status = result.parts[0], "canceled"
            return


def _join(leg: Leg, other: Leg, result: Dialled, verb: Element) -> Steps[None]:
    star, longest = verb.get("hangupOnStar") == "true", float(verb.get("timeLimit", "14400"))
    for part in result.parts:
        if part is not other:
            part.end(HungUp("line", "canceled"))
    leg.answer()
    result.leg, result.status = other, "completed"
    bridge = Bridge(leg, other, leg.exchange.clock.now())
    result.bridge = leg.bridge = other.bridge = bridge
    leg.log("joined", other.name)
    other.log("joined", leg.name)
    leg.stir()
    other.stir()
    while bridge.open and (left := bridge.since + longest - leg.exchange.clock.now()) > INSTANT:
        signal = yield Wait(left)
        if star and isinstance(signal, Key) and signal.key == "*":
            return


def _take(leg: Leg, verb: Element, noun: Element, page: Page, result: Dialled) -> Steps[None]:
    """Join the first who waits in a queue; an empty one is watched for as long as the timeout says."""
    queue = leg.exchange.queue_named(words_of(noun))
    if queue is None:
        result.status = "failed"
        return
    # Twilio adds its buffer to every timeout.
    end = leg.exchange.clock.now() + float(verb.get("timeout", "30")) + BUFFER
    queue.watchers.append(leg)
    try:
        while not queue.waiting and (left := end - leg.exchange.clock.now()) > INSTANT:
            yield Wait(left)
    finally:
        queue.watchers.remove(leg)
    if not queue.waiting:
        return
    place = queue.take(leg, page.join(noun.get("url")) if noun.get("url") else "")
    yield from _until_ready(leg, place, result, verb)


def _until_ready(leg: Leg, place: Waiting, result: Dialled, verb: Element) -> Steps[None]:
    other = result.leg = place.leg
    try:
        while not (other.ready or place.over):
            yield Wait(None)
    except Interruption:
        place.taken_by = None
        other.stir()
        raise
    if other.ready and not other.over:
        yield from _join(leg, other, result, verb)
