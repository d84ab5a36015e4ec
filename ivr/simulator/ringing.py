"""Outbound legs: ringing a telephone, what its person does, and calls placed through REST."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ivr.simulator import forms
from ivr.simulator.documents import Request, Unreadable, apologize, attend, follow
from ivr.simulator.legs import Plan, lasts
from ivr.simulator.speaking import WHISPER
from ivr.simulator.tasks import HungUp, PickedUp, Steps, Task, Wait

if TYPE_CHECKING:
    from ivr.simulator.documents import Verbs
    from ivr.simulator.legs import Leg

BUFFER = 5.0  # Twilio rings so much longer than it was asked to.
BUSY_AFTER, FAILED_AFTER = 1.0, 0.5


@dataclass(frozen=True)
class Detection:
    """How Twilio is to find out whether a machine has answered."""

    later: bool = False  # Tell it in a callback, while the call goes on.
    callback: str | None = None


@dataclass(frozen=True)
class Order:
    """A call that was asked for through REST."""

    to: str
    caller: str
    request: Request
    timeout: float = 60.0
    keys: str = ""
    detection: Detection | None = None
    plan: Plan = field(default_factory=Plan)


def ring(leg: Leg, seconds: float) -> Steps[None]:
    """Ring until the person answers; what else happens ends the leg."""
    person = leg.person = leg.exchange.people.answering(leg.called)
    leg.turn("ringing")
    leg.log("rings")
    patience = seconds + BUFFER
    if person.ends:
        yield from lasts(leg, BUSY_AFTER if person.ends == "busy" else FAILED_AFTER)
        raise HungUp("network", person.ends)
    if person.by_hand:
        yield from _by_hand(leg, patience)
    elif person.answers is None or person.answers > patience:
        yield from lasts(leg, patience)
        raise HungUp("network", "no-answer")
    else:
        yield from lasts(leg, person.answers)
    leg.answer()
    leg.watchers.append(Task(leg.exchange.clock, person.live(leg)))


def _by_hand(leg: Leg, patience: float) -> Steps[None]:
    end = leg.exchange.clock.now() + patience
    while (left := end - leg.exchange.clock.now()) > 0:
        if isinstance((yield Wait(left)), PickedUp):
            return
    raise HungUp("network", "no-answer")


def dialled(leg: Leg, seconds: float, whisper: str) -> Steps[None]:
    """Live a leg that a Dial made: ring, whisper, then stay in the bridge until it parts."""
    status, by = "completed", "line"
    try:
        yield from ring(leg, seconds)
        if whisper:
            yield from _whisper(leg, whisper)
        leg.ready = True
        if leg.parent is not None:
            leg.parent.stir()
        while leg.bridge is None or leg.bridge.open:
            yield Wait(None)
    except HungUp as ending:
        status, by = ("completed" if leg.answered_at is not None else ending.status), ending.by
    if leg.answered_at is None and status == "completed":
        status = "canceled"
    leg.finish(status, by)


def _whisper(leg: Leg, address: str) -> Steps[None]:
    try:
        yield from follow(leg, Request(address), WHISPER)
    except Unreadable:
        yield from apologize(leg)


def placed(leg: Leg, order: Order, verbs: Verbs, delay: float) -> Steps[None]:
    """Live a leg that REST asked for, from its turn in the queue to its end."""
    status, by = "completed", "line"
    try:
        yield from lasts(leg, delay)
        leg.turn("queued")
        yield from ring(leg, order.timeout)
        request = yield from _detect(leg, order)
        yield from attend(leg, request, verbs)
    except HungUp as ending:
        status, by = ending.status, ending.by
    if leg.answered_at is None and status == "completed":
        status = "canceled"
    if leg.answered_at is not None:
        status = "completed"
    leg.finish(status, by)


def _detect(leg: Leg, order: Order) -> Steps[Request]:
    request = order.request
    if order.keys:
        leg.log("is sent keys", order.keys)
        yield from lasts(leg, sum({"w": 0.5, "W": 1.0}.get(key, 0.2) for key in order.keys))
        return request  # Keys to be sent switch detection off.
    if order.detection is None or leg.person is None:
        return request
    seconds = leg.exchange.faults.amd_seconds
    verdict = leg.person.verdict
    if order.detection.later:
        leg.exchange.clock.after(seconds, lambda: _tell_verdict(leg, order, verdict, seconds))
        return request
    yield from lasts(leg, seconds)
    leg.answered_by = verdict
    return Request(request.url, {**request.extra, "AnsweredBy": verdict}, request.twiml)


def _tell_verdict(leg: Leg, order: Order, verdict: str, seconds: float) -> None:
    if leg.over or order.detection is None or order.detection.callback is None:
        return
    leg.answered_by = verdict
    leg.exchange.callbacks.send("amd", order.detection.callback, forms.verdict(leg, verdict, seconds))
