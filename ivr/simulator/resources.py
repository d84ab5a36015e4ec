"""What Twilio's REST API shows of calls, texts and queues, in its shapes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ivr.simulator.exchange import Exchange
    from ivr.simulator.legs import Leg
    from ivr.simulator.messages import Message
    from ivr.simulator.queues import Queue

VERSION = "2010-04-01"
PAGE = 50
LARGEST_PAGE = 1000


class RestError(Exception):
    """An answer of the REST API that is an error, with Twilio's code."""

    def __init__(self, status: int, code: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.code = code

    def body(self) -> dict[str, Any]:
        """Write it in Twilio's shape."""
        more = f"https://www.twilio.com/docs/errors/{self.code}"
        return {"code": self.code, "message": str(self), "more_info": more, "status": self.status}


def not_found(path: str) -> RestError:
    """Say that there is nothing there."""
    return RestError(404, 20404, f"The requested resource {path} was not found")


def root(exchange: Exchange) -> str:
    """Tell the path of everything that belongs to the account."""
    return f"/{VERSION}/Accounts/{exchange.account_sid}"


def call(leg: Leg) -> dict[str, Any]:
    """Show a call."""
    exchange = leg.exchange
    return {
        "sid": leg.sid,
        "account_sid": exchange.account_sid,
        "api_version": VERSION,
        "parent_call_sid": leg.parent.sid if leg.parent else None,
        "from": leg.caller,
        "from_formatted": leg.caller,
        "to": leg.called,
        "to_formatted": leg.called,
        "status": leg.status,
        "direction": leg.direction,
        "answered_by": leg.answered_by or None,
        "date_created": _date(exchange, leg.began),
        "date_updated": _date(exchange, leg.ended_at or leg.began),
        "start_time": _date(exchange, leg.began if leg.answered_at is None else leg.answered_at),
        "end_time": _date(exchange, leg.ended_at),
        "duration": str(leg.talked) if leg.over else None,
        "queue_time": "0",
        "price": None,
        "price_unit": "USD",
        "uri": f"{root(exchange)}/Calls/{leg.sid}.json",
        "subresource_uris": {},
    }


def message(text: Message, exchange: Exchange) -> dict[str, Any]:
    """Show a text."""
    return {
        "sid": text.sid,
        "account_sid": exchange.account_sid,
        "api_version": VERSION,
        "messaging_service_sid": None,
        "from": text.sender,
        "to": text.to,
        "body": text.body,
        "status": text.status,
        "direction": text.direction,
        "num_segments": str(text.segments),
        "num_media": str(text.media),
        "error_code": text.error or None,
        "error_message": None,
        "date_created": _date(exchange, text.created),
        "date_sent": _date(exchange, text.created),
        "date_updated": _date(exchange, text.created),
        "price": None,
        "price_unit": "USD",
        "uri": f"{root(exchange)}/Messages/{text.sid}.json",
        "subresource_uris": {},
    }


def queue(found: Queue, exchange: Exchange) -> dict[str, Any]:
    """Show a queue."""
    now = exchange.clock.now()
    times = [now - place.since for place in found.waiting]
    return {
        "sid": found.sid,
        "account_sid": exchange.account_sid,
        "friendly_name": found.name,
        "current_size": len(found.waiting),
        "max_size": 1000,
        "average_wait_time": int(sum(times) / len(times)) if times else 0,
        "date_created": _date(exchange, found.created),
        "date_updated": _date(exchange, found.created),
        "uri": f"{root(exchange)}/Queues/{found.sid}.json",
    }


@dataclass(frozen=True)
class Listing:
    """A list resource: its name in the answer, its path and what was asked of it."""

    name: str
    path: str
    query: Mapping[str, str]

    def page(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Show one page of the rows, newest first, and where the next one is."""
        size = min(int(self.query.get("PageSize", PAGE)), LARGEST_PAGE)
        after = self.query.get("PageToken", "")
        start = next((n + 1 for n, row in enumerate(rows) if after == f"PA{row['sid']}"), 0)
        number = int(self.query.get("Page", "0"))
        shown = list(rows[start : start + size])
        more = start + size < len(rows)
        return {
            self.name: shown,
            "page": number,
            "page_size": size,
            "start": start,
            "end": max(start + len(shown) - 1, 0),
            "num_pages": math.ceil(len(rows) / size),
            "uri": self._uri(self.query),
            "first_page_uri": self._uri({"PageSize": str(size), "Page": "0"}),
            "previous_page_uri": None,
            "next_page_uri": self._next(number, size, shown) if more else None,
        }

    def _next(self, number: int, size: int, shown: Sequence[dict[str, Any]]) -> str:
        last = f"PA{shown[-1]['sid']}"
        return self._uri({**self.query, "PageSize": str(size), "Page": str(number + 1), "PageToken": last})

    def _uri(self, query: Mapping[str, str]) -> str:
        return f"{self.path}?{urlencode(query)}" if query else self.path


def within(query: Mapping[str, str], field: str, moment: datetime | None) -> bool:
    """Tell whether a moment lies where `Field`, `Field<` and `Field>` say."""
    on, before, after = (query.get(field + sign) for sign in ("", "<", ">"))
    if not (on or before or after):
        return True
    if moment is None:
        return False
    if on and moment.date() != _moment(on).date():
        return False
    if before and moment > _moment(before):
        return False
    return not (after and moment < _moment(after))


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _date(exchange: Exchange, at: float | None) -> str | None:
    return None if at is None else format_datetime(exchange.date(at))
