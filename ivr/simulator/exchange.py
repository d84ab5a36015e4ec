"""The telephone exchange: places calls and texts, and keeps what Twilio would keep of them."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivr.simulator import forms
from ivr.simulator.account import AccountBooks
from ivr.simulator.callbacks import Callbacks
from ivr.simulator.documents import AT_ONCE, Redirected, Request, attend
from ivr.simulator.faults import Faults
from ivr.simulator.legs import Leg, Plan
from ivr.simulator.listening import Feed
from ivr.simulator.messages import Message, Texts
from ivr.simulator.people import People, Person
from ivr.simulator.queues import Queue
from ivr.simulator.ringing import Order, placed
from ivr.simulator.tasks import HungUp, Steps, Task
from ivr.simulator.verbs import EVERYTHING
from ivr.simulator.webhooks import Jar, Webhooks

if TYPE_CHECKING:
    from datetime import datetime

    from ivr.simulator.clock import Clock
    from ivr.simulator.webhooks import Fetch


@dataclass(frozen=True)
class Urls:
    """Where our number's webhooks go."""

    voice: str
    voice_status: str | None = None
    sms: str = ""
    voice_fallback: str | None = None
    sms_fallback: str | None = None


@dataclass(frozen=True)
class Account:
    """Whose number this is, and how its webhooks are signed."""

    sid: str
    token: str
    number: str


class Exchange:
    """One pretend network with one number of ours. Whoever calls it from outside holds `clock.lock`."""

    def __init__(  # noqa: PLR0913 - all parts of a network meet here, by name.
        self,
        account: Account,
        urls: Urls,
        fetch: Fetch,
        clock: Clock,
        *,
        people: People | None = None,
        faults: Faults | None = None,
        opt_out: str = "default",
        seed: str | None = None,
    ) -> None:
        self.account_sid, self.number = account.sid, account.number
        self.token = account.token
        self.urls = urls
        self.clock = clock
        self.people = people or People()
        self.faults = faults or Faults()
        self.feed = Feed(clock)
        self.webhooks = Webhooks(fetch, account.token, self.faults)
        self.callbacks = Callbacks(clock, self.webhooks, self.faults)
        self.texts = Texts(self, opt_out)
        self.calls: dict[str, Leg] = {}
        self.queues: dict[str, Queue] = {}
        self.books = AccountBooks()
        self._seed = seed if seed is not None else secrets.token_hex(8)
        self._sids: Counter[str] = Counter()
        self.calls_a_second = 1.0  # That the network starts for REST: one, unless Twilio granted more.
        self._next_start = 0.0
        self._documents: Counter[tuple[str, int]] = Counter()

    def sid(self, kind: str) -> str:
        """Make a new name in Twilio's manner; the same ones again for the same seed."""
        self._sids[kind] += 1
        return kind + hashlib.md5(f"{self._seed}{kind}{self._sids[kind]}".encode()).hexdigest()  # noqa: S324 - no secret.

    def date(self, at: float | None = None) -> datetime:
        """Tell the date of a moment, or of now."""
        return self.clock.date(self.clock.now() if at is None else at)

    def dial(self, caller: str, person: Person | None = None) -> Leg:
        """Let a telephone call our number."""
        with self.clock.lock:
            plan = Plan(self.urls.voice_fallback, self.urls.voice_status)
            leg = self.leg("inbound", caller, self.number, plan)
            leg.name = person.name if person and person.name else "caller"
            leg.status = "ringing"
            leg.person = person
            leg.log("dials")
            leg.task = Task(self.clock, self._inbound(leg))
            if person is not None:
                leg.watchers.append(Task(self.clock, person.live(leg)))
            return leg

    def text(self, sender: str, body: str, media: int = 0) -> Message:
        """Let a telephone text our number."""
        with self.clock.lock:
            return self.texts.come_in(sender, body, media)

    def place(self, order: Order) -> Leg:
        """Make a call that REST asked for; the network starts so many a second."""
        leg = self.leg("outbound-api", order.caller, order.to, order.plan)
        now = self.clock.now()
        start = max(now, self._next_start)
        self._next_start = start + 1 / self.calls_a_second
        leg.task = Task(self.clock, placed(leg, order, EVERYTHING, start - now))
        return leg

    def redirect(self, leg: Leg, request: Request) -> None:
        """Send a live leg to another document."""
        if leg.task is not None:
            leg.task.interrupt(Redirected(request))

    def leg(self, direction: str, caller: str, called: str, plan: Plan) -> Leg:
        """Make a leg."""
        name = self.people.name(called)
        jar = Jar(self.clock.now, None if self.faults.voice_cookies else 0.0)
        leg = Leg(self, self.sid("CA"), direction, caller, called, name, jar, plan, began=self.clock.now())
        self.calls[leg.sid] = leg
        return leg

    def queue(self, name: str) -> Queue:
        """Find a queue by name, or make it."""
        found = self.queue_named(name)
        if found is None:
            found = Queue(self.sid("QU"), name, self.clock.now())
            self.queues[found.sid] = found
        return found

    def queue_named(self, name: str) -> Queue | None:
        """Find a queue by name."""
        return next((queue for queue in self.queues.values() if queue.name == name), None)

    def legs_alive(self) -> list[Leg]:
        """List the legs that are not over."""
        return [leg for leg in self.calls.values() if not leg.over]

    def rings(self, name: str = "") -> bool:
        """Tell whether somebody of this name is being rung."""
        ringing = [
            leg for leg in self.calls.values() if leg.status == "ringing" and leg.direction != "inbound"
        ]
        return any(name in {"", leg.name} for leg in ringing)

    def races(self, leg: Leg) -> bool:
        """Tell whether a leg has asked for more documents in this second than anybody could live through."""
        second = (leg.sid, int(self.clock.now()))
        self._documents[second] += 1
        return self._documents[second] > AT_ONCE

    def _inbound(self, leg: Leg) -> Steps[None]:
        status, by = "completed", "line"
        try:
            yield from attend(leg, Request(self.urls.voice, forms.arrival(leg)), EVERYTHING)
        except HungUp as ending:
            status, by = ending.status, ending.by
        leg.finish(status, by)
