"""A whole network to rehearse with: an exchange, its REST server, and telephones to hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ivr.simulator.clock import PacedClock
from ivr.simulator.exchange import Account, Exchange, Urls
from ivr.simulator.listening import HeardLine, longest_wait
from ivr.simulator.people import Person, When
from ivr.simulator.rest import RestServer
from ivr.simulator.webhooks import RequestsFetch

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from ivr.simulator.clock import Clock
    from ivr.simulator.legs import Leg
    from ivr.simulator.webhooks import Fetch

LIMIT = 300.0


def urls_of(public: str) -> Urls:
    """Tell where the product's webhooks are, behind its public address."""
    base = public.rstrip("/")
    return Urls(voice=f"{base}/voice", voice_status=f"{base}/voice/status", sms=f"{base}/sms")


@dataclass(frozen=True)
class RehearsedCall:
    """A telephone that has called our number, or that our number has rung."""

    leg: Leg

    @property
    def heard(self) -> list[str]:
        """The words heard so far, in order."""
        return self.leg.exchange.feed.heard(self.leg.sid)

    @property
    def last_heard(self) -> str:
        """The words heard last."""
        return self.heard[-1] if self.heard else ""

    @property
    def lines(self) -> list[HeardLine]:
        """All that happened on this call."""
        return self.leg.exchange.feed.of(self.leg.sid)

    @property
    def joined_to(self) -> str | None:
        """The name of whoever is at the other end, if anybody is."""
        other = self.leg.joined_to
        return other.name if other else None

    @property
    def over(self) -> bool:
        """Whether the call has ended."""
        return self.leg.over

    @property
    def longest_wait(self) -> float:
        """The longest time from a key to a person or a spoken choice."""
        return longest_wait(self.lines)

    def press(self, keys: str, when: When = When.HEARD, limit: float = LIMIT) -> bool:
        """Press keys, by default once everything was said; tell whether they were taken."""
        clock = self.leg.exchange.clock
        wanted = {When.HEARD: {"waiting"}, When.SOON: {"waiting", "speaking"}}.get(when)
        taken = wanted is None or clock.until(lambda: self.leg.over or self.leg.gathering in wanted, limit)
        with clock.lock:
            if self.leg.over:
                return False
            asked = self.leg.gathers
            self.leg.press(keys)
        return taken and clock.until(lambda: self.leg.past(asked), 1.0)

    def say(self, words: str, confidence: float = 0.9, limit: float = LIMIT) -> bool:
        """Say something once everything was said; tell whether it was taken."""
        clock = self.leg.exchange.clock
        taken = clock.until(lambda: self.leg.over or self.leg.gathering == "waiting", limit)
        with clock.lock:
            if self.leg.over:
                return False
            asked = self.leg.gathers
            self.leg.say(words, confidence)
        return taken and clock.until(lambda: self.leg.past(asked), 1.0)

    def hang_up(self) -> None:
        """Put the telephone down."""
        clock = self.leg.exchange.clock
        with clock.lock:
            self.leg.hang_up()
        clock.until(lambda: self.leg.over, 20.0)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.leg.exchange.clock.advance(seconds)

    def until(self, ready: Callable[[RehearsedCall], bool], limit: float = LIMIT) -> bool:
        """Let time pass until something is true of this call."""
        clock = self.leg.exchange.clock
        became = clock.until(lambda: ready(self), limit)
        clock.advance(0)  # Let this moment end, so that callbacks about it are delivered too.
        return became

    def wait_until_quiet(self, limit: float = LIMIT) -> bool:
        """Let time pass until a choice was spoken, the caller talks with somebody, or the call is over."""
        return self.until(lambda call: call.leg.quiet, limit)

    def wait_until_joined(self, limit: float = LIMIT) -> bool:
        """Let time pass until the caller talks with somebody."""
        return self.until(lambda call: call.joined_to is not None, limit)

    def wait_until_over(self, limit: float = LIMIT) -> bool:
        """Let time pass until the call has ended."""
        return self.until(lambda call: call.over, limit)


class Network:
    """A pretend network, started and stopped with `with`."""

    def __init__(  # noqa: PLR0913 - the choices of a rehearsal, each with its usual value.
        self,
        account: Account,
        urls: Urls,
        *,
        clock: Clock | None = None,
        fetch: Fetch | None = None,
        opt_out: str = "default",
        seed: str | None = None,
        port: int = 0,
    ) -> None:
        self.clock = clock or PacedClock()
        fetch = fetch or RequestsFetch()
        self.exchange = Exchange(account, urls, fetch, self.clock, opt_out=opt_out, seed=seed)
        self.people, self.faults, self.feed = self.exchange.people, self.exchange.faults, self.exchange.feed
        self.rest = RestServer(self.exchange, port)
        self.api_url = self.rest.url
        self.control_url = f"{self.rest.url}/pretend"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the REST server and the clock."""
        self.rest.close()
        self.clock.close()

    def dial(self, caller: str, person: Person | None = None) -> RehearsedCall:
        """Call our number, by hand or by a scripted caller."""
        return RehearsedCall(self.exchange.dial(caller, person))

    def text(self, sender: str, body: str, limit: float = 20.0) -> list[str]:
        """Text our number; return the replies that came, Twilio's own among them."""
        before = len(self.feed.lines)
        message = self.exchange.text(sender, body)
        self.clock.until(lambda: message.answered, limit)
        self.clock.until(lambda: not self._on_the_way(sender), limit)
        lines = self.feed.lines[before:]
        return [line.words for line in lines if line.what == "reads" and line.who == sender]

    def ringing(self, name: str = "") -> list[RehearsedCall]:
        """List the telephones that are being rung, or that of one name."""
        legs = [
            leg
            for leg in self.exchange.legs_alive()
            if leg.status == "ringing" and leg.direction != "inbound"
        ]
        return [RehearsedCall(leg) for leg in legs if name in {"", leg.name}]

    def calls_to(self, name: str) -> list[RehearsedCall]:
        """List every call that was made to somebody, over or not."""
        legs = self.exchange.calls.values()
        return [RehearsedCall(leg) for leg in legs if leg.name == name and leg.direction != "inbound"]

    def settle(self, limit: float = LIMIT) -> bool:
        """Let time pass until every leg is over."""
        ended = self.clock.until(lambda: not self.exchange.legs_alive(), limit)
        self.clock.advance(0)
        return ended

    def _on_the_way(self, number: str) -> bool:
        texts = self.exchange.texts.messages.values()
        return any(text.to == number and text.status in {"queued", "sending"} for text in texts)
