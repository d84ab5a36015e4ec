"""A caller's searches for a person, told from the entries of a call in their order. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from ivr.records.ordering import is_turn
from ivr.records.outcomes import ACCEPTED, IN_DOUBT, LEFT, Attempt, Transfer
from ivr.records.queueing import asks, begin_waiting, come_back

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ivr.effects import Entry

LATER = ("accept-", "answer-")  # What an agency did while it rang on the direct path.


def transfers_of(told: Sequence[Entry]) -> tuple[Transfer, ...]:
    """Tell every search of a call."""
    queues: dict[str, list[Entry]] = defaultdict(list)
    found: list[Transfer] = []
    for entry in told:
        if entry.search and not is_turn(entry):
            queues[entry.search].append(entry)
    for entry in told:
        if entry.search and is_turn(entry):
            _hear_queue(found, entry, queues)
        elif not entry.search and not entry.key.startswith(LATER):
            _hear(found, entry)
    # A search whose turns are still in another process's journal.
    known = {transfer.search for transfer in found}
    found += [begin_waiting(name, news) for name, news in sorted(queues.items()) if name not in known]
    for entry in told:
        if entry.key.startswith(LATER) and not entry.search:
            found = [_note(transfer, entry) for transfer in found]
    return tuple(found)


def call_off(transfer: Transfer, ended: float) -> Transfer:
    """End what went on when the caller was gone."""
    if not transfer.goes_on:
        return transfer
    return replace(transfer.end(ended, LEFT), left=True, queued=False)


def _hear_queue(found: list[Transfer], entry: Entry, queues: Mapping[str, list[Entry]]) -> None:
    """Take a turn that is about a queue: the caller asked for a person there, or is back."""
    if any(transfer.search == entry.search for transfer in found):
        _hear(found, entry)
        return
    if found and found[-1].goes_on:
        found[-1] = come_back(found[-1], replace(entry, ended=""))
    found.append(begin_waiting(entry.search, queues.get(entry.search, []), entry))
    if not asks(entry):
        _hear(found, entry)


def _hear(found: list[Transfer], entry: Entry) -> None:
    """Take one entry into the searches found so far."""
    searching = bool(found) and found[-1].goes_on
    if searching and found[-1].queued:
        if not is_turn(entry):
            return
        found[-1] = come_back(found[-1], entry)  # Whatever they did, they are out of the queue.
    elif searching and entry.ended:
        found[-1] = found[-1].end(entry.at, entry.ended)
    if entry.rang and not (searching and entry.order in {"", found[-1].order}):
        _doubt(found, entry.at)
        found.append(Transfer(entry.order, entry.at))
    elif entry.order and not entry.rang and not entry.ended and not searching:
        found.append(Transfer(entry.order, entry.at, over=entry.at))  # Nobody could be rung.
    if entry.rang:
        _doubt(found, entry.at)
        found[-1] = found[-1].ring(Attempt(entry.rang, entry.at))


def _doubt(found: list[Transfer], at: float) -> None:
    """End a ring whose end nobody reported, now that something else rings."""
    if found and found[-1].goes_on:
        found[-1] = found[-1].end(at, IN_DOUBT)


def _note(transfer: Transfer, entry: Entry) -> Transfer:
    """Note what an agency did, at the attempt that rang at that moment."""
    return replace(transfer, attempts=tuple(_noted(attempt, entry) for attempt in transfer.attempts))


def _noted(attempt: Attempt, entry: Entry) -> Attempt:
    """Note it if it is this attempt's: an agency that is late has accepted nothing."""
    rang_then = attempt.rung <= entry.at and (attempt.ended is None or entry.at < attempt.ended)
    if attempt.queued or not rang_then or entry.rang not in {"", attempt.agency}:
        return attempt
    if entry.key.startswith("answer-"):
        return replace(attempt, answered=attempt.answered or entry.at)
    if attempt.accepted is not None or ACCEPTED not in {entry.sign, entry.heard}:
        return attempt
    # The agency's own key outweighs what was said of the ring's end.
    return replace(attempt, accepted=entry.at, how=ACCEPTED)
