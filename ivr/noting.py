"""What the log is told of a transfer: one entry for each thing that became of an attempt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ivr.effects import Entry
from ivr.transfer.machine import LEG, E, News, S, Transfer

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDED_AS = {  # How an attempt ended, for the log, where the news does not say.
    E.DECLINED: "declined",
    E.AGENCY_LEFT: "no_key",
    E.TALKED: "accepted",
    E.REST_LOST: "not_rung",  # That is our fault, and says nothing of the agency.
    E.GAVE_UP: "cancelled",
    E.CALLER_LEFT: "left",
}


def entries_of(before: Transfer, after: Transfer, news: News, now: float) -> Iterator[Entry]:
    """Tell the log what became of a transfer."""
    entry = Entry(call=after.call, key="", at=now, channel="voice", order=after.order, search=after.id)
    attempt = f"{after.id}-{after.place}"
    match news.event:
        case E.CLAIMED:
            yield replace(entry, key=f"ring-{attempt}", rang=after.agency, heard="rang")
        case E.ANSWERED:
            yield replace(entry, key=f"answer-{attempt}", heard="answered")
        case E.ACCEPTED:
            yield replace(entry, key=f"accept-{attempt}", heard="accepted", sign="accepted")
        case E.RANG:
            return
        case _ if before.state in LEG | {S.CONNECTED}:
            talked = before.state is S.CONNECTED and news.event is not E.STRANDED
            how = "accepted" if talked else news.how or ENDED_AS.get(news.event, "failed")
            yield replace(entry, key=f"end-{attempt}", heard="ended", ended=how)
    if news.event is E.CALLER_LEFT and after.state is S.LEFT:
        yield replace(entry, key=f"left-{after.id}", heard="left", sign="caller_left")
