"""Steers a network from another process: what a terminal or a test may ask for under /pretend/, as JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ivr.simulator import resources
from ivr.simulator.faults import Delivery, RestFault, WebhookFault
from ivr.simulator.people import read_person

if TYPE_CHECKING:
    from ivr.simulator.exchange import Exchange
    from ivr.simulator.faults import Faults
    from ivr.simulator.legs import Leg

Body = Mapping[str, Any]
LONGEST_POLL = 1.0
CALL = re.compile(r"^calls/(CA\w+)/(keys|speech|hangup|pickup)$")


class ControlError(Exception):
    """A request under /pretend/ that cannot be obeyed, and why."""


class Control:
    """Obeys requests about one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._asks: dict[str, Callable[[Body], Any]] = {
            "POST calls": lambda body: {"call": exchange.dial(body["from"]).sid},
            "POST texts": self._text,
            "POST people": self._put_person,
            "POST faults": lambda body: set_faults(exchange.faults, body),
            "DELETE faults": lambda _: exchange.faults.clear(),
            "POST clock": lambda body: exchange.clock.advance(float(body["seconds"])),
            "GET events": self._events,
            "GET legs": lambda _: [_leg(leg) for leg in exchange.calls.values()],
            "GET texts": self._texts,
            "GET resources": lambda _: self._resources(),
            "GET notices": lambda _: [asdict(notice) for notice in exchange.feed.notices],
            "GET clock": lambda _: {"now": exchange.clock.now()},
        }

    def answer(self, method: str, path: str, body: Body) -> tuple[int, Any]:
        """Do what is asked for; `path` is what follows /pretend/."""
        try:
            match = CALL.match(path)
            if match and method == "POST":
                return 200, self._on_call(match[1], match[2], body)
            ask = self._asks.get(f"{method} {path}")
            if ask is None:
                return 404, {"error": f"nothing answers {method} /pretend/{path}"}
            return 200, ask(body) or {}
        except (ControlError, KeyError, ValueError, TypeError) as error:
            return 400, {"error": f"{type(error).__name__}: {error}"}

    def _on_call(self, sid: str, what: str, body: Body) -> Body:
        with self.exchange.clock.lock:
            leg = self.exchange.calls.get(sid)
            if leg is None:
                raise ControlError(f"no call {sid}")
            match what:
                case "keys":
                    leg.press(str(body["keys"]))
                case "speech":
                    leg.say(str(body["words"]), float(body.get("confidence", 0.9)))
                case "hangup":
                    leg.hang_up()
                case _:
                    leg.pick_up()
            return _leg(leg)

    def _text(self, body: Body) -> Body:
        return {"message": self.exchange.text(body["from"], body["body"], int(body.get("media", 0))).sid}

    def _put_person(self, body: Body) -> Body:
        does = body["does"]
        persons = [read_person(words) for words in ([does] if isinstance(does, str) else does)]
        self.exchange.people.put(body["number"], *persons, name=body.get("name", ""))
        return {}

    def _events(self, body: Body) -> list[dict[str, Any]]:
        wait = min(float(body.get("wait", 0)), LONGEST_POLL)
        lines = self.exchange.feed.after(int(body.get("after", 0)), wait)
        call = body.get("call")
        return lines if call is None else [line for line in lines if line["call"] == call]

    def _texts(self, body: Body) -> list[dict[str, Any]]:
        number = body.get("with")
        with self.exchange.clock.lock:
            texts = list(self.exchange.texts.messages.values())
        wanted = [text for text in texts if number in {None, text.sender, text.to}]
        return [resources.message(text, self.exchange) for text in wanted]

    def _resources(self) -> Body:
        exchange = self.exchange
        with exchange.clock.lock:
            return {
                "calls": [resources.call(leg) for leg in exchange.calls.values()],
                "messages": self._texts({}),
                "queues": [resources.queue(queue, exchange) for queue in exchange.queues.values()],
            }


def set_faults(faults: Faults, body: Body) -> Body:
    """Turn switches: plain ones by value, `webhooks` and `rest` as lists, `callbacks` by kind."""
    for name, value in body.items():
        match name:
            case "webhooks":
                faults.webhooks = [WebhookFault(**each) for each in value]
            case "rest":
                faults.rest = [RestFault(**each) for each in value]
            case "callbacks":
                faults.callbacks.update({kind: Delivery(**each) for kind, each in value.items()})
            case (
                "duplicate"
                | "concurrency"
                | "refused_status"
                | "amd_seconds"
                | "queue_time_once"
                | "voice_cookies"
            ):
                setattr(faults, name, value)
            case _:
                raise ControlError(f"no switch is called {name!r}")
    return {}


def _leg(leg: Leg) -> Body:
    other = leg.joined_to
    return {
        "call": leg.sid,
        "name": leg.name,
        "number": leg.number,
        "direction": leg.direction,
        "status": leg.status,
        "joined_to": other.name if other else None,
        "queue": leg.queue.name if leg.queue else None,
        "gathering": leg.gathering,
        "parent": leg.parent.sid if leg.parent else None,
    }
