"""What became of a call, told from everything that was noted of it. Pure: no SQL, no clock.

A call is always told anew from all its entries, so it comes out the same in whatever order they arrive,
and however often.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ivr.effects import Entry


VOICE_SILENT = 15 * 60  # Nobody listens to our menus for so long without a key.
BRIDGED_SILENT = 4 * 60 * 60  # Two people who talk tell us nothing until they stop.
TEXT_SILENT = 20 * 60  # As long as the texter's position is kept.


@dataclass(frozen=True)
class CallRecord:
    """One conversation, voice or text. Times are Unix seconds."""

    id: str
    channel: str
    started: float
    ended: float | None
    end_estimated: bool
    language: str
    last_stop: str
    outcome: str | None
    turns: int
    transfers: tuple[TransferRecord, ...]
    mark: str = ""  # Whose call it is; empty when nobody knows.


def fold(entries: Iterable[Entry], now: float) -> CallRecord:
    """Tell one call from its entries (one at least), as it stands now."""
    told = in_order(entries)
    turns = [entry for entry in told if is_turn(entry)]
    transfers = transfers_of(told)
    ended, estimated = _end(told, transfers, now)
    if ended is not None:
        transfers = tuple(call_off(transfer, ended) for transfer in transfers)
    return CallRecord(
        id=told[0].call,
        channel=told[0].channel,
        started=min(entry.at for entry in told),
        ended=ended,
        end_estimated=estimated,
        language=_last(entry.language for entry in turns or told),
        last_stop=_last(entry.stop for entry in turns),
        outcome=None if ended is None else _outcome(told, transfers),
        turns=len(turns),
        transfers=transfers,
        mark=next((entry.mark for entry in told if entry.mark), ""),
    )


def _end(told: Sequence[Entry], transfers: Sequence[TransferRecord], now: float) -> tuple[float | None, bool]:
    """Say when the call ended, if it has, and whether that is only our guess."""
    last = max(told, key=lambda entry: entry.at)
    reported = [entry.at for entry in told if entry.key == END]
    if reported:
        return reported[0], False
    if last.channel == "text" and last.sign in {"left", "opted_out"}:
        return last.at, False  # The texter's position is forgotten: nothing can follow.
    silent = now - last.at >= _patience(last, transfers)
    return (last.at, True) if silent else (None, False)


def _patience(last: Entry, transfers: Sequence[TransferRecord]) -> int:
    """Say how long a call may be silent before we take it for over."""
    if last.channel == "text":
        return TEXT_SILENT
    return BRIDGED_SILENT if transfers and transfers[-1].bridged else VOICE_SILENT


def _outcome(told: Sequence[Entry], transfers: Sequence[TransferRecord]) -> str:
    """Name what a finished call came to: the weightiest thing that happened in it."""
    signs = {entry.sign for entry in told}
    claims = {
        "opted_out": "opted_out" in signs,
        "connected": any(transfer.outcome == "connected" for transfer in transfers),
        "left": "left" in signs,
        "not_connected": bool(transfers),
        "informed": "informed" in signs,
    }
    return next((outcome for outcome, holds in claims.items() if holds), "abandoned")


def _last(names: Iterable[str]) -> str:
    """Find the last name that says something."""
    return next((name for name in reversed(list(names)) if name), "")


# In which order the entries of a call are told. Pure.


END = "end"
LAST = 1_000_000_000  # The place of what is no turn: after every turn.


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Sort the entries of one call as they happened, each once, cut to the milliseconds that are stored."""
    first: dict[str, Entry] = {}
    for entry in sorted(entries, key=_whole):
        first.setdefault(entry.key, replace(entry, at=round(entry.at, 3)))
    return sorted(first.values(), key=lambda entry: (place(entry), entry.at, entry.key))


def is_turn(entry: Entry) -> bool:
    """Tell what a caller or texter did from what Twilio or an agency reported."""
    if entry.channel == "text":
        return entry.key != END and not entry.key.startswith("accept-")
    return place(entry) < LAST


def place(entry: Entry) -> int:
    """Say where in its call an entry belongs: calls are counted, texts are told apart by time alone."""
    if entry.channel == "text":
        return 0
    counted = entry.key.isascii() and entry.key.isdigit() and len(entry.key) < len(str(LAST))
    return int(entry.key) if counted else LAST


def _whole(entry: Entry) -> tuple[float, str]:
    """Order even entries of one key, so that the same one is chosen every time."""
    return entry.at, repr(entry)


# A caller's searches for a person, told from the entries of a call in their order. Pure.


LATER = ("accept-", "answer-")  # What an agency did while it rang on the direct path.


def transfers_of(told: Sequence[Entry]) -> tuple[TransferRecord, ...]:
    """Tell every search of a call."""
    queues: dict[str, list[Entry]] = defaultdict(list)
    found: list[TransferRecord] = []
    for entry in told:
        if entry.transfer_id and not is_turn(entry):
            queues[entry.transfer_id].append(entry)
    for entry in told:
        if entry.transfer_id and is_turn(entry):
            _hear_queue(found, entry, queues)
        elif not entry.transfer_id and not entry.key.startswith(LATER):
            _hear(found, entry)
    # A search whose turns are still in another process's journal.
    known = {transfer.transfer_id for transfer in found}
    found += [begin_waiting(name, news) for name, news in sorted(queues.items()) if name not in known]
    for entry in told:
        if entry.key.startswith(LATER) and not entry.transfer_id:
            found = [_note(transfer, entry) for transfer in found]
    return tuple(found)


def call_off(transfer: TransferRecord, ended: float) -> TransferRecord:
    """End what went on when the caller was gone."""
    if not transfer.goes_on:
        return transfer
    return replace(transfer.end(ended, LEFT), left=True, queued=False)


def _hear_queue(found: list[TransferRecord], entry: Entry, queues: Mapping[str, list[Entry]]) -> None:
    """Take a turn that is about a queue: the caller asked for a person there, or is back."""
    if any(transfer.transfer_id == entry.transfer_id for transfer in found):
        _hear(found, entry)
        return
    if found and found[-1].goes_on:
        found[-1] = come_back(found[-1], replace(entry, ended=""))
    found.append(begin_waiting(entry.transfer_id, queues.get(entry.transfer_id, []), entry))
    if not asks(entry):
        _hear(found, entry)


def _hear(found: list[TransferRecord], entry: Entry) -> None:
    """Take one entry into the searches found so far."""
    transfers = bool(found) and found[-1].goes_on
    if transfers and found[-1].queued:
        if not is_turn(entry):
            return
        found[-1] = come_back(found[-1], entry)  # Whatever they did, they are out of the queue.
    elif transfers and entry.ended:
        found[-1] = found[-1].end(entry.at, entry.ended)
    if entry.rang and not (transfers and entry.order in {"", found[-1].order}):
        _doubt(found, entry.at)
        found.append(TransferRecord(entry.order, entry.at))
    elif entry.order and not entry.rang and not entry.ended and not transfers:
        found.append(TransferRecord(entry.order, entry.at, over=entry.at))  # Nobody could be rung.
    if entry.rang:
        _doubt(found, entry.at)
        found[-1] = found[-1].ring(AttemptRecord(entry.rang, entry.at))


def _doubt(found: list[TransferRecord], at: float) -> None:
    """End a ring whose end nobody reported, now that something else rings."""
    if found and found[-1].goes_on:
        found[-1] = found[-1].end(at, IN_DOUBT)


def _note(transfer: TransferRecord, entry: Entry) -> TransferRecord:
    """Note what an agency did, at the attempt that rang at that moment."""
    return replace(transfer, attempts=tuple(_noted(attempt, entry) for attempt in transfer.attempts))


def _noted(attempt: AttemptRecord, entry: Entry) -> AttemptRecord:
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


# A search during which the caller waits in a queue, told from its own entries. Pure.
#
# Other processes note what becomes of each ring, under keys like ``ring-<search>-<place>``; the caller's
# turns tell only that they asked and that they are back. Any of these may come late, or be lost.


KINDS = frozenset({"ring", "answer", "accept", "end"})
STRANDED = "failed"  # A person took the call, and the caller was never joined with them.
GONE = frozenset({"caller_left", "hung_up"})


def begin_waiting(transfer_id: str, news: Sequence[Entry], turn: Entry | None = None) -> TransferRecord:
    """Tell a search whose caller is still in the queue, or left it without another turn."""
    told = [*([turn] if turn else []), *news]
    waiting = TransferRecord(
        order=next((entry.order for entry in told if entry.order), ""),
        started=turn.at if turn and asks(turn) else min(entry.at for entry in told),
        attempts=_attempts(news),
        transfer_id=transfer_id,
        queued=True,
    )
    gone = [entry.at for entry in news if entry.sign == "caller_left"]
    return _leave(waiting, gone[0], LEFT, left=True) if gone else waiting


def asks(turn: Entry) -> bool:
    """Claim that with this turn the caller asked for a person."""
    return bool(turn.order) and not turn.ended and not turn.rang


def come_back(waiting: TransferRecord, turn: Entry) -> TransferRecord:
    """End the waiting with a turn of the caller's, who talked with somebody or not."""
    met = turn.ended == ACCEPTED
    left = turn.sign in GONE and not met
    if met:
        waiting = _trust_key(waiting)
    elif turn.ended or turn.transfer_id == waiting.transfer_id:
        # The network says that they waited until now: who took the call was too late for them.
        waiting = _revoke(waiting, LEFT if left else STRANDED)
    back = _leave(waiting, turn.at, LEFT if left else turn.ended or IN_DOUBT, left=left)
    return replace(back, met=met)


def _trust_key(waiting: TransferRecord) -> TransferRecord:
    """Take it that the last who pressed the key was talked with, whatever is said of the ring's end."""
    last = waiting.attempts[-1] if waiting.attempts else None
    if last is None or last.accepted is None:
        return waiting
    return replace(waiting, attempts=(*waiting.attempts[:-1], replace(last, how=ACCEPTED)))


def _revoke(waiting: TransferRecord, how: str) -> TransferRecord:
    """Take it that nobody who took the call was talked with."""
    told = (replace(one, how=how) if one.how == ACCEPTED else one for one in waiting.attempts)
    return replace(waiting, attempts=tuple(told))


def _leave(waiting: TransferRecord, at: float, how: str, *, left: bool) -> TransferRecord:
    """Take the caller out of the queue: whatever still went on there is over."""
    if how == ACCEPTED and any(attempt.how == ACCEPTED for attempt in waiting.attempts):
        how = IN_DOUBT  # It is known with whom they talked: with none of the others.
    ended = tuple(attempt.end(at, how) for attempt in waiting.attempts)
    return replace(waiting, attempts=ended, over=max(at, waiting.started), queued=False, left=left)


def _attempts(news: Sequence[Entry]) -> tuple[AttemptRecord, ...]:
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


def _attempt(noted: Mapping[str, Entry]) -> AttemptRecord:
    """Tell one ring. Its end has the last word: a key that was pressed too late joined nobody."""
    times = {kind: entry.at for kind, entry in noted.items()}
    accepted = times.get("accept")
    ended = noted["end"].ended or IN_DOUBT if "end" in noted else ""
    rung = times.get("ring", min(times.values()))
    return AttemptRecord(
        agency=next((entry.rang for entry in noted.values() if entry.rang), ""),
        rung=rung,
        answered=times.get("answer"),
        accepted=accepted,
        ended=max(times["end"], rung) if "end" in times else None,
        how=ended or (ACCEPTED if accepted is not None else ""),
        queued=True,
    )


def _supersede(attempt: AttemptRecord, later: float) -> AttemptRecord:
    """End a ring after which another was begun: the caller still waited, so they were not joined."""
    if attempt.how == ACCEPTED:
        attempt = replace(attempt, how=STRANDED)
    return attempt.end(later, IN_DOUBT)


# What a caller's search for a person comes to, on either path. Pure.


ACCEPTED = "accepted"
LEFT = "left"
IN_DOUBT = "in_doubt"


@dataclass(frozen=True)
class AttemptRecord:
    """One agency rung. Times are Unix seconds."""

    agency: str
    rung: float
    answered: float | None = None
    accepted: float | None = None  # When the agency pressed its key, where that was noted.
    ended: float | None = None
    how: str = ""  # Empty while it rings.
    queued: bool = False  # The caller waited in a queue meanwhile.

    @property
    def outcome(self) -> str | None:
        """Name how it went, or nothing while it rings."""
        return self.how or None

    @property
    def seconds(self) -> float | None:
        """Count from the ring to its end, the conversation included."""
        return None if self.ended is None else between(self.rung, self.ended)

    @property
    def waited(self) -> float | None:
        """Count from the ring to the acceptance, or to its end; nothing where nobody knows."""
        if self.how != ACCEPTED:
            return self.seconds
        return None if self.accepted is None else between(self.rung, self.accepted)

    def end(self, at: float, how: str) -> AttemptRecord:
        """End it, if it goes on; a person who took the call has taken it, however it ended."""
        if self.ended is not None:
            return self
        return replace(self, ended=max(at, self.rung), how=self.how or how)


@dataclass(frozen=True)
class TransferRecord:
    """One search for a person."""

    order: str
    started: float
    attempts: tuple[AttemptRecord, ...] = ()
    over: float | None = None  # When the caller no longer waited, nor talked.
    transfer_id: str = ""  # The id of a search in a queue.
    queued: bool = False  # The caller is in that queue now.
    met: bool = False  # The caller has talked with somebody, whatever is known of whom.
    left: bool = False  # The caller went while somebody was being looked for.

    @property
    def goes_on(self) -> bool:
        """Claim that somebody is being looked for, or spoken with, now."""
        return self.over is None

    @property
    def bridged(self) -> bool:
        """Claim that the caller and an agency are talking."""
        return self.goes_on and any(one.ended is None and one.how == ACCEPTED for one in self.attempts)

    @property
    def outcome(self) -> str | None:
        """Name what the search came to, or nothing while it goes on."""
        if self.met or self._taken():
            return "connected"
        if self.over is None:
            return None
        return LEFT if self.left else "not_connected"

    @property
    def waited(self) -> float | None:
        """Count from asking to the acceptance, or to the end of waiting; nothing where nobody knows."""
        taken = self._taken()
        if taken:
            # Nobody may have noted the moment; the conversation that followed was no waiting.
            return between(self.started, taken.accepted or taken.rung)
        return None if self.met or self.over is None else between(self.started, self.over)

    def ring(self, attempt: AttemptRecord) -> TransferRecord:
        """Begin to ring an agency."""
        return replace(self, attempts=(*self.attempts, attempt), over=None)

    def end(self, at: float, how: str) -> TransferRecord:
        """End the ring that goes on."""
        if not self.attempts:
            return replace(self, over=at)
        *before, last = self.attempts
        ended = last.end(at, how)
        return replace(self, attempts=(*before, ended), over=max(at, ended.rung))

    def _taken(self) -> AttemptRecord | None:
        """Find the attempt that a person took."""
        return next((attempt for attempt in self.attempts if attempt.how == ACCEPTED), None)


def between(start: float, end: float) -> float:
    """Count seconds; a clock that was set back meanwhile counts none."""
    return max(0.0, round(end - start, 3))
