"""A search during which the caller waits in a queue, told from its own entries. Pure.

Other processes note what becomes of each ring, under keys like ``ring-<search>-<place>``; the caller's turns
tell only that they asked and that they are back. Any of these may come late, or be lost.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from ivr.records.outcomes import ACCEPTED, IN_DOUBT, LEFT, Attempt, Transfer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ivr.effects import Entry

KINDS = frozenset({"ring", "answer", "accept", "end"})
STRANDED = "failed"  # A person took the call, and the caller was never joined with them.
GONE = frozenset({"caller_left", "hung_up"})


def begin_waiting(search: str, news: Sequence[Entry], turn: Entry | None = None) -> Transfer:
    """Tell a search whose caller is still in the queue, or left it without another turn."""
    told = [*([turn] if turn else []), *news]
    waiting = Transfer(
        order=next((entry.order for entry in told if entry.order), ""),
        started=turn.at if turn and asks(turn) else min(entry.at for entry in told),
        attempts=_attempts(news),
        search=search,
        queued=True,
    )
    gone = [entry.at for entry in news if entry.sign == "caller_left"]
    return _leave(waiting, gone[0], LEFT, left=True) if gone else waiting


def asks(turn: Entry) -> bool:
    """Claim that with this turn the caller asked for a person."""
    return bool(turn.order) and not turn.ended and not turn.rang


def come_back(waiting: Transfer, turn: Entry) -> Transfer:
    """End the waiting with a turn of the caller's, who talked with somebody or not."""
    met = turn.ended == ACCEPTED
    left = turn.sign in GONE and not met
    if met:
        waiting = _trust_key(waiting)
    elif turn.ended or turn.search == waiting.search:
        # The network says that they waited until now: who took the call was too late for them.
        waiting = _revoke(waiting, LEFT if left else STRANDED)
    back = _leave(waiting, turn.at, LEFT if left else turn.ended or IN_DOUBT, left=left)
    return replace(back, met=met)


def _trust_key(waiting: Transfer) -> Transfer:
    """Take it that the last who pressed the key was talked with, whatever is said of the ring's end."""
    last = waiting.attempts[-1] if waiting.attempts else None
    if last is None or last.accepted is None:
        return waiting
    return replace(waiting, attempts=(*waiting.attempts[:-1], replace(last, how=ACCEPTED)))


def _revoke(waiting: Transfer, how: str) -> Transfer:
    """Take it that nobody who took the call was talked with."""
    told = (replace(one, how=how) if one.how == ACCEPTED else one for one in waiting.attempts)
    return replace(waiting, attempts=tuple(told))


def _leave(waiting: Transfer, at: float, how: str, *, left: bool) -> Transfer:
    """Take the caller out of the queue: whatever still went on there is over."""
    if how == ACCEPTED and any(attempt.how == ACCEPTED for attempt in waiting.attempts):
        how = IN_DOUBT  # It is known with whom they talked: with none of the others.
    ended = tuple(attempt.end(at, how) for attempt in waiting.attempts)
    return replace(waiting, attempts=ended, over=max(at, waiting.started), queued=False, left=left)


def _attempts(news: Sequence[Entry]) -> tuple[Attempt, ...]:
    """Tell every ring of a search, in the order in which they were begun."""
    rings: dict[str, dict[str, Entry]] = defaultdict(dict)
    for entry in news:
        kind, _, rest = entry.key.partition("-")
        if kind in KINDS:
            rings[rest.rpartition("-")[2]][kind] = entry
    places = sorted(rings, key=lambda place: (len(place), place))
    told = [_attempt(rings[place]) for place in places]
    over = (_supersede(attempt, later.rung) for attempt, later in pairwise(told))
    return (*over, *told[-1:])


def _attempt(noted: Mapping[str, Entry]) -> Attempt:
    """Tell one ring. Its end has the last word: a key that was pressed too late joined nobody."""
    times = {kind: entry.at for kind, entry in noted.items()}
    accepted = times.get("accept")
    ended = noted["end"].ended or IN_DOUBT if "end" in noted else ""
    rung = times.get("ring", min(times.values()))
    return Attempt(
        agency=next((entry.rang for entry in noted.values() if entry.rang), ""),
        rung=rung,
        answered=times.get("answer"),
        accepted=accepted,
        ended=max(times["end"], rung) if "end" in times else None,
        how=ended or (ACCEPTED if accepted is not None else ""),
        queued=True,
    )


def _supersede(attempt: Attempt, later: float) -> Attempt:
    """End a ring after which another was begun: the caller still waited, so they were not joined."""
    if attempt.how == ACCEPTED:
        attempt = replace(attempt, how=STRANDED)
    return attempt.end(later, IN_DOUBT)
