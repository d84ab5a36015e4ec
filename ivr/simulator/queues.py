"""The verbs Enqueue and Leave, and the queues themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ivr.simulator import forms
from ivr.simulator.documents import Page, Redirected, Request, Unreadable, follow
from ivr.simulator.legs import lasts
from ivr.simulator.speaking import SPEAKING, gather, hang_up, redirect, words_of
from ivr.simulator.tasks import HungUp, Interruption, Steps, Wait

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from ivr.simulator.legs import Leg

LARGEST = 1000


@dataclass
class Waiting:
    """One leg in a queue, since when, and how it left."""

    leg: Leg
    since: float
    taken_by: Leg | None = None
    news: Taken | None = None
    over: bool = False
    result: str = ""


@dataclass(eq=False)
class Queue:
    """A queue: it stays when it is empty, until it is deleted through REST."""

    sid: str
    name: str
    created: float
    waiting: list[Waiting] = field(default_factory=list)
    watchers: list[Leg] = field(default_factory=list)

    def take(self, by: Leg, whisper: str) -> Waiting:
        """Take the first who waits, to be joined with the leg that asked."""
        first = self.waiting.pop(0)
        first.taken_by = by
        first.news = Taken(by, whisper)
        if first.leg.task is not None:
            first.leg.task.interrupt(first.news)
        return first


class Taken(Interruption):
    """Somebody takes this leg out of its queue."""

    def __init__(self, by: Leg, whisper: str) -> None:
        super().__init__(by.sid)
        self.by = by
        self.whisper = whisper


class Left(Interruption):
    """A wait document said Leave."""


def leave(_leg: Leg, _verb: Element, _page: Page) -> Steps[Request | None]:
    """Leave the queue."""
    yield Wait(0)
    raise Left


IN_QUEUE = {**SPEAKING, "Gather": gather, "Hangup": hang_up, "Redirect": redirect, "Leave": leave}
BEFORE_BRIDGE = {**SPEAKING, "Redirect": redirect}


def enqueue(leg: Leg, verb: Element, page: Page) -> Steps[Request | None]:
    """Wait in a queue until somebody takes this leg, it leaves, or it is over; then on to the action."""
    leg.answer()
    leg.bridge = None
    queue = leg.exchange.queue(words_of(verb))
    place = Waiting(leg, leg.exchange.clock.now())
    action = page.join(verb.get("action")) if verb.get("action") is not None else None
    try:
        if len(queue.waiting) >= LARGEST:
            place.result = "queue-full"
        else:
            yield from _stay(leg, queue, place, page.join(verb.get("waitUrl")) if verb.get("waitUrl") else "")
    except (HungUp, Redirected) as news:
        _last_word(leg, queue, place, (action, news))
        raise
    return None if action is None else Request(action, _outcome(leg, queue, place))


def _last_word(leg: Leg, queue: Queue, place: Waiting, end: tuple[str | None, Interruption]) -> None:
    """Tell the action how it ended, though nothing that it answers is heard."""
    action, news = end
    if isinstance(news, Redirected):
        place.result = "redirected-from-bridged" if leg.bridge else "redirected"
    else:
        place.result = "bridged" if leg.bridge else "hangup"
    if action is not None:
        told = forms.voice(leg) | _outcome(leg, queue, place)
        if isinstance(news, HungUp):
            told["CallStatus"] = "completed"
        leg.exchange.callbacks.tell(leg, action, told)


def _stay(leg: Leg, queue: Queue, place: Waiting, wait_url: str) -> Steps[None]:
    queue.waiting.append(place)
    leg.queue = queue
    once = leg.exchange.faults.queue_time_once
    leg.standing = lambda: {} if once else _position(leg, queue, place)
    leg.log("waits", queue.name)
    for watcher in queue.watchers:
        watcher.stir()
    try:
        yield from _wait(leg, Request(wait_url, _position(leg, queue, place)))
    except Left:
        place.result = "leave"
    except Unreadable:
        place.result = "error"
    except Taken as news:
        leg.queue = leg.standing = None
        yield from _be_joined(leg, queue, place, news)
    finally:
        leg.queue = leg.standing = None
        leg.ready = False
        place.over = True
        if place in queue.waiting:
            queue.waiting.remove(place)
        if place.news is not None:  # Whoever took this leg in the very moment it left came too late.
            place.news.void = True
        if place.taken_by is not None:
            place.taken_by.stir()


def _wait(leg: Leg, first: Request) -> Steps[None]:
    request = first
    while True:
        if not request.url:
            yield Wait(None)
            continue
        began = leg.exchange.clock.now()
        yield from follow(leg, request, IN_QUEUE)
        request = Request(first.url)
        if leg.exchange.clock.now() == began:
            yield from lasts(
                leg, 1.0
            )  # An empty wait document is asked for again after a silence, not at once.


def _be_joined(leg: Leg, queue: Queue, place: Waiting, news: Taken) -> Steps[None]:
    if news.whisper:
        told = {
            "QueueSid": queue.sid,
            "QueueTime": str(int(leg.exchange.clock.now() - place.since)),
            "DequeingCallSid": news.by.sid,
        }
        yield from follow(leg, Request(news.whisper, told), BEFORE_BRIDGE)
    leg.ready = True
    news.by.stir()
    while not (place.taken_by is None or (leg.bridge is not None and not leg.bridge.open)):
        yield Wait(None)
    place.result = "bridged" if leg.bridge else "bridging-in-process"


def _position(leg: Leg, queue: Queue, place: Waiting) -> dict[str, str]:
    now = leg.exchange.clock.now()
    times = [now - other.since for other in queue.waiting]
    return {
        "QueueSid": queue.sid,
        "QueuePosition": str(queue.waiting.index(place) + 1 if place in queue.waiting else 1),
        "QueueTime": str(int(now - place.since)),
        "AvgQueueTime": str(int(sum(times) / len(times)) if times else 0),
        "CurrentQueueSize": str(len(queue.waiting)),
        "MaxQueueSize": str(LARGEST),
    }


def _outcome(leg: Leg, queue: Queue, place: Waiting) -> dict[str, str]:
    seconds = str(int(leg.exchange.clock.now() - place.since))
    return {"QueueResult": place.result, "QueueSid": queue.sid, "QueueTime": seconds}
