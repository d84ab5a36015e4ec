"""The clerk of the REST API: reads one request, does it at the exchange and answers in Twilio's shapes."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ivr.simulator import account, resources
from ivr.simulator.documents import Request
from ivr.simulator.messages import Refused
from ivr.simulator.orders import PHONE, read_order
from ivr.simulator.resources import Listing, RestError, not_found
from ivr.simulator.tasks import HungUp

if TYPE_CHECKING:
    from ivr.simulator.exchange import Exchange
    from ivr.simulator.legs import Leg
    from ivr.simulator.messages import Message
    from ivr.simulator.queues import Queue

Params = Mapping[str, str]
Reply = tuple[int, dict[str, Any] | None]

RESOURCE = re.compile(r"^/(Calls|Messages|Queues)(?:/(\w+))?\.json$")
OF_ACCOUNT = re.compile(r"^(?:/(IncomingPhoneNumbers|Recordings|Balance)(?:/(\w+))?)?\.json$")
NOT_OVER, NOT_IN_PROGRESS, CONCURRENCY, NOT_EMPTY = 20009, 21220, 10004, 22003


@dataclass(frozen=True)
class RestRequest:
    """One REST request; `events` are the repeated StatusCallbackEvent values."""

    method: str
    path: str
    params: Params
    authorization: str = ""
    events: tuple[str, ...] = ()


class Desk:
    """Answers REST requests about one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def answer(self, asked: RestRequest) -> Reply:
        """Do what a request asks for; errors are answered as Twilio words them."""
        try:
            self._check(asked)
            with self.exchange.clock.lock:
                return self._route(asked)
        except RestError as error:
            return error.status, error.body()

    def _check(self, asked: RestRequest) -> None:
        pair = f"{self.exchange.account_sid}:{self.exchange.token}".encode()
        expected = "Basic " + base64.b64encode(pair).decode()
        if not hmac.compare_digest(asked.authorization, expected):
            raise RestError(401, 20003, "Authenticate")

    def _route(self, asked: RestRequest) -> Reply:
        root = resources.root(self.exchange)
        book = OF_ACCOUNT.match(asked.path.removeprefix(root)) if asked.path.startswith(root) else None
        if book is not None:
            return self._of_account(book[1] or "", book[2] or "", asked)
        found = RESOURCE.match(asked.path.removeprefix(root)) if asked.path.startswith(root) else None
        if found is None:
            raise not_found(asked.path)
        kind, sid = found.groups()
        verbs = self._one(kind, sid) if sid else self._all(kind)
        if asked.method not in verbs:
            raise RestError(405, 20004, "Method not allowed")
        return verbs[asked.method](asked)

    def _of_account(self, kind: str, sid: str, asked: RestRequest) -> Reply:
        """Answer what is asked of the account itself and its number."""
        books = self.exchange.books
        match asked.method, kind, sid:
            case "GET", "", "":
                return 200, books.show(self.exchange)
            case "GET", "Balance", "":
                return 200, books.show_balance(self.exchange)
            case "GET", "Recordings", "":
                rows = [books.show_recording(each, self.exchange) for each in books.recordings]
                return 200, Listing("recordings", asked.path, asked.params).page(rows)
            case "GET", "IncomingPhoneNumbers", "":
                wanted = asked.params.get("PhoneNumber", self.exchange.number) == self.exchange.number
                rows = [books.show_number(self.exchange)] if wanted else []
                return 200, Listing("incoming_phone_numbers", asked.path, asked.params).page(rows)
            case "GET", "IncomingPhoneNumbers", account.NUMBER_SID:
                return 200, books.show_number(self.exchange)
            case "POST", "IncomingPhoneNumbers", account.NUMBER_SID:
                books.change_number(asked.params)
                return 200, books.show_number(self.exchange)
        raise not_found(asked.path)

    def _all(self, kind: str) -> Mapping[str, Callable[[RestRequest], Reply]]:
        match kind:
            case "Calls":
                return {"GET": self._list_calls, "POST": self._make_call}
            case "Messages":
                return {"GET": self._list_messages, "POST": self._send}
        return {"GET": self._list_queues}

    def _one(self, kind: str, sid: str) -> Mapping[str, Callable[[RestRequest], Reply]]:
        ours: dict[str, dict[str, Any]] = {
            "Calls": dict(self.exchange.calls),
            "Messages": dict(self.exchange.texts.messages),
            "Queues": dict(self.exchange.queues),
        }
        found = ours[kind].get(sid)
        if found is None:
            raise not_found(f"/{kind}/{sid}.json")
        match kind:
            case "Calls":
                return self._call(found)
            case "Messages":
                return self._message(found)
        return self._queue(found)

    def _call(self, leg: Leg) -> Mapping[str, Callable[[RestRequest], Reply]]:
        return {
            "GET": lambda _: (200, resources.call(leg)),
            "POST": lambda asked: self._change_call(leg, asked),
            "DELETE": lambda _: self._forget(self.exchange.calls, leg.sid, final=leg.over),
        }

    def _message(self, text: Message) -> Mapping[str, Callable[[RestRequest], Reply]]:
        return {
            "GET": lambda _: (200, resources.message(text, self.exchange)),
            "POST": lambda asked: self._redact(text, asked),
            "DELETE": lambda _: self._forget(self.exchange.texts.messages, text.sid, final=text.final),
        }

    def _queue(self, queue: Queue) -> Mapping[str, Callable[[RestRequest], Reply]]:
        def delete(_asked: RestRequest) -> Reply:
            if queue.waiting:
                raise RestError(400, NOT_EMPTY, "Queue not empty")
            return self._forget(self.exchange.queues, queue.sid, final=True)

        return {"GET": lambda _: (200, resources.queue(queue, self.exchange)), "DELETE": delete}

    def _list_calls(self, asked: RestRequest) -> Reply:
        wanted = [leg for leg in reversed(self.exchange.calls.values()) if self._is_wanted(leg, asked.params)]
        listing = Listing("calls", asked.path, asked.params)
        return 200, listing.page([resources.call(leg) for leg in wanted])

    def _is_wanted(self, leg: Leg, params: Params) -> bool:
        ended = None if leg.ended_at is None else self.exchange.date(leg.ended_at)
        began = self.exchange.date(leg.began if leg.answered_at is None else leg.answered_at)
        same = {"From": leg.caller, "To": leg.called, "Status": leg.status}
        return (
            all(params.get(name, value) == value for name, value in same.items())
            and resources.within(params, "StartTime", began)
            and resources.within(params, "EndTime", ended)
        )

    def _list_messages(self, asked: RestRequest) -> Reply:
        params = asked.params
        rows = [
            resources.message(text, self.exchange)
            for text in reversed(self.exchange.texts.messages.values())
            if params.get("From", text.sender) == text.sender
            and params.get("To", text.to) == text.to
            and resources.within(params, "DateSent", self.exchange.date(text.created))
        ]
        return 200, Listing("messages", asked.path, params).page(rows)

    def _list_queues(self, asked: RestRequest) -> Reply:
        rows = [resources.queue(queue, self.exchange) for queue in self.exchange.queues.values()]
        return 200, Listing("queues", asked.path, asked.params).page(rows)

    def _make_call(self, asked: RestRequest) -> Reply:
        limit = self.exchange.faults.concurrency
        order = read_order(asked.params, asked.events, self.exchange.number)
        if limit is not None and len(self.exchange.legs_alive()) >= limit:
            raise RestError(400, CONCURRENCY, "Call concurrency limit exceeded")
        return 201, resources.call(self.exchange.place(order))

    def _change_call(self, leg: Leg, asked: RestRequest) -> Reply:
        params = asked.params
        if leg.over:
            raise RestError(400, NOT_IN_PROGRESS, "Call is not in-progress. Cannot redirect.")
        match params.get("Status"):
            case "completed":
                leg.end(HungUp("REST", "completed" if leg.answered_at is not None else "canceled"))
            case "canceled" if leg.answered_at is None:
                leg.end(HungUp("REST", "canceled"))
            case "canceled":
                raise RestError(400, NOT_IN_PROGRESS, "Call is in-progress. Cannot cancel.")
            case _:
                self._redirect(leg, params)
        return 200, resources.call(leg)

    def _redirect(self, leg: Leg, params: Params) -> None:
        if leg.answered_at is None or leg.direction == "outbound-dial":
            raise RestError(400, NOT_IN_PROGRESS, "Call is not in-progress. Cannot redirect.")
        if not params.get("Url") and not params.get("Twiml"):
            raise RestError(400, 21205, "Url parameter is required.")
        url = params.get("Url", "")
        self.exchange.redirect(leg, Request(url, twiml="" if url else params["Twiml"]))

    def _send(self, asked: RestRequest) -> Reply:
        params = asked.params
        if not PHONE.match(params.get("To", "")):
            raise RestError(400, 21211, f"The 'To' number {params.get('To')} is not a valid phone number.")
        if params.get("From") != self.exchange.number:
            raise RestError(400, 21606, "The From phone number is not a valid message-capable phone number.")
        if not params.get("Body"):
            raise RestError(400, 21602, "Message body is required.")
        try:
            text = self.exchange.texts.send(params["To"], params["Body"], params.get("StatusCallback"))
        except Refused as refusal:
            raise RestError(400, refusal.code, str(refusal)) from refusal
        return 201, resources.message(text, self.exchange)

    def _redact(self, text: Message, asked: RestRequest) -> Reply:
        if asked.params.get("Body") != "":
            raise RestError(400, 20001, "Only an empty Body is accepted here")
        if not text.final:
            raise RestError(400, NOT_OVER, "Message is not in a final state")
        text.body = ""
        return 200, resources.message(text, self.exchange)

    def _forget(self, rows: dict[str, Any], sid: str, *, final: bool) -> Reply:
        if not final:
            raise RestError(409, NOT_OVER, "Resource is not complete")
        del rows[sid]
        return 204, None
