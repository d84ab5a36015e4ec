"""What became of a call and of its transfers, computed from everything that was journalled of it.

Pure: no SQL, no clock. A call is always computed anew from all its entries, so it comes out the same in
whatever order they arrive, and however often. Any entry may come late, or be lost.

A transfer runs on one of two paths. On the direct path the caller's own turns say who was rung and how it
ended. In a queue other processes journal what becomes of each attempt, under keys like
``ring-<transfer>-<attempt>``; the caller's turns say only that they asked and that they are back.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ivr.effects import Entry

VOICE_SILENT = 15 * 60  # Nobody listens to our menus for so long without a key.
BRIDGED_SILENT = 4 * 60 * 60  # Two people who talk tell us nothing until they stop.
TEXT_SILENT = 20 * 60  # As long as the texter's position is kept.

ACCEPTED = "accepted"
LEFT = "left"
IN_DOUBT = "in_doubt"
NO_KEY = "no_key"  # Somebody answered and was gone before they pressed a key, as far as was noted.
MAY_HAVE_TALKED = frozenset({None, ACCEPTED, NO_KEY, IN_DOUBT})
OVER_BY_OUR_CLOCK = frozenset({"no_answer", "declined"})  # Unless the network, or a person, said so.
NEVER_JOINED = "failed"  # A person accepted the call, and the caller was never joined with them.

END = "end"  # The key of the entry that Twilio's report of the call's end becomes.
LAST = 1_000_000_000  # The number of what is no turn: after every turn.
KINDS = frozenset(
    {"ring", "answer", "accept", "end"}
)  # How keys of entries about an attempt in a queue begin.
DIRECT_KINDS = ("accept-", "answer-")  # The same on the direct path: what an agency did while it rang.
# The first of these that happened in a call is its outcome.
OUTCOMES_BY_WEIGHT = ("opted_out", "connected", "left", "not_connected", "informed", "abandoned")
CALLER_GONE = frozenset({"caller_left", "hung_up"})


@dataclass(frozen=True)
class CallSummary:
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
    transfers: tuple[TransferSummary, ...]
    mark: str = ""  # Whose call it is; empty when nobody knows.


@dataclass(frozen=True)
class TransferSummary:
    """One transfer: a caller's way to a person, on either path. Times are Unix seconds."""

    order: str
    started: float
    attempts: tuple[AttemptSummary, ...] = ()
    over: float | None = None  # When the caller no longer waited, nor talked.
    transfer_id: str = ""  # Of a transfer in a queue; empty on the direct path.
    queued: bool = False  # The caller is in that queue now.
    talked: bool = False  # The caller has talked with somebody, whatever is known of whom.
    left: bool = False  # The caller left before anybody was reached.

    @property
    def goes_on(self) -> bool:
        """Whether the caller waits for a person, or talks with one, now."""
        return self.over is None

    @property
    def bridged(self) -> bool:
        """Whether the caller and an agency are talking."""
        return self.goes_on and any(one.ended is None and one.outcome == ACCEPTED for one in self.attempts)

    @property
    def outcome(self) -> str | None:
        """Name what the transfer came to; None while it goes on."""
        if self.talked or self._accepted():
            return "connected"
        if self.over is None:
            return None
        return LEFT if self.left else "not_connected"

    @property
    def waited(self) -> float | None:
        """Count the seconds from asking to the acceptance, or to the end of waiting; None if not known."""
        accepted = self._accepted()
        if accepted:
            # Nobody may have noted the moment; the conversation that followed was no waiting.
            return seconds_between(self.started, accepted.accepted or accepted.rung)
        return None if self.talked or self.over is None else seconds_between(self.started, self.over)

    def ring(self, attempt: AttemptSummary) -> TransferSummary:
        """Begin another attempt."""
        return replace(self, attempts=(*self.attempts, attempt), over=None)

    def end(self, at: float, outcome: str) -> TransferSummary:
        """End the last attempt, and with it the transfer, until another agency is rung."""
        if not self.attempts:
            return replace(self, over=at)
        *before, last = self.attempts
        ended = last.end(at, outcome)
        return replace(self, attempts=(*before, ended), over=max(at, ended.rung))

    def _accepted(self) -> AttemptSummary | None:
        """Find the attempt that a person accepted."""
        return next((attempt for attempt in self.attempts if attempt.outcome == ACCEPTED), None)


@dataclass(frozen=True)
class AttemptSummary:
    """One agency that was rung. Times are Unix seconds."""

    agency: str
    rung: float
    answered: float | None = None
    accepted: float | None = None  # When the agency pressed its key, where that was noted.
    ended: float | None = None
    outcome: str | None = None  # None while it rings.
    queued: bool = False  # The caller waited in a queue meanwhile.

    @property
    def seconds(self) -> float | None:
        """Count the seconds from the ring to its end, the conversation included."""
        return None if self.ended is None else seconds_between(self.rung, self.ended)

    @property
    def picked_up(self) -> float | None:
        """Give when somebody answered: at the latest when they took the call, if only that was noted.

        Of a call that was taken nobody knows when, the ring's own moment stands in for it.
        """
        if self.answered is not None:
            return self.answered if self.accepted is None else min(self.answered, self.accepted)
        if self.accepted is not None:
            return self.accepted
        return self.rung if self.outcome == ACCEPTED else None

    @property
    def waited(self) -> float | None:
        """Count the seconds from the ring to the acceptance, or to its end; None where nobody knows."""
        if self.outcome != ACCEPTED:
            return self.seconds
        return None if self.accepted is None else seconds_between(self.rung, self.accepted)

    def end(self, at: float, outcome: str) -> AttemptSummary:
        """End it, if it goes on; a person who accepted the call has accepted it, however it ended."""
        if self.ended is not None:
            return self
        return replace(self, ended=max(at, self.rung), outcome=self.outcome or outcome)


def summarize(entries: Iterable[Entry], now: float) -> CallSummary:
    """Compute one call from its entries (one at least), as it stands now."""
    ordered = in_order(entries)
    turns = [entry for entry in ordered if is_turn(entry)]
    transfers = _transfers(ordered)
    ended, estimated = _end(ordered, transfers, now)
    if ended is not None:
        transfers = tuple(_call_off(transfer, ended) for transfer in transfers)
    return CallSummary(
        id=ordered[0].call,
        channel=ordered[0].channel,
        started=min(entry.at for entry in ordered),
        ended=ended,
        end_estimated=estimated,
        language=_last(entry.language for entry in turns or ordered),
        last_stop=_last(entry.stop for entry in turns),
        outcome=None if ended is None else _outcome(ordered, transfers),
        turns=len(turns),
        transfers=transfers,
        mark=next((entry.mark for entry in ordered if entry.mark), ""),
    )


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Sort the entries of one call as they happened, each once. Their times are cut to milliseconds."""
    found = list(entries)
    numbers = [turn_number(entry) for entry in found]
    if len(set(numbers)) == len(found) and max(numbers, default=0) < LAST:  # Turns alone, as most are.
        return [entry for _, entry in sorted(zip(numbers, found, strict=True))]  # No two have one number.
    by_key: dict[str, list[Entry]] = defaultdict(list)
    for entry in found:
        by_key[entry.key].append(entry)
    # Chosen by all they hold, so that of two entries with one key it is the same one every time.
    once = [
        each[0] if len(each) == 1 else min(each, key=lambda entry: (entry.at, repr(entry)))
        for each in by_key.values()
    ]
    return sorted(once, key=lambda entry: (turn_number(entry), entry.at, entry.key))


def cut_to_milliseconds(entry: Entry) -> Entry:
    """Give an entry as it is stored."""
    at = round(entry.at, 3)
    return entry if at == entry.at else replace(entry, at=at)


def is_turn(entry: Entry) -> bool:
    """Whether a caller or texter did this; else Twilio or an agency reported it."""
    if entry.channel == "text":
        return entry.key != END and not entry.key.startswith("accept-")
    return turn_number(entry) < LAST


def is_of_transfer(entry: Entry) -> bool:
    """Whether somebody asked for a person here, or was rung: a call without such an entry has no transfer."""
    return bool(entry.transfer_id or entry.rang or entry.order)


def turn_number(entry: Entry) -> int:
    """Give an entry's number in its call: turns of a call are counted, texts are told apart by time alone."""
    return 0 if entry.channel == "text" else _number(entry.key)


@lru_cache(maxsize=256)  # Most calls have few turns, and each is asked for its number again and again.
def _number(key: str) -> int:
    return int(key) if key.isascii() and key.isdigit() and len(key) < len(str(LAST)) else LAST


def seconds_between(start: float, end: float) -> float:
    """Count seconds; a clock that was set back meanwhile counts none."""
    return max(0.0, round(end - start, 3))


def _end(
    ordered: Sequence[Entry], transfers: Sequence[TransferSummary], now: float
) -> tuple[float | None, bool]:
    """Give when the call ended, None if it goes on, and whether that is only our estimate."""
    last = max(ordered, key=lambda entry: entry.at)
    reported = [entry.at for entry in ordered if entry.key == END]
    if reported:
        return reported[0], False
    if last.channel == "text" and last.outcome in {"left", "opted_out"}:
        return last.at, False  # The texter's position is forgotten: nothing can follow.
    silent = now - last.at >= _longest_silence(last, transfers)
    return (last.at, True) if silent else (None, False)


def _longest_silence(last: Entry, transfers: Sequence[TransferSummary]) -> int:
    """Give the seconds that a call may be silent before we take it for over."""
    if last.channel == "text":
        return TEXT_SILENT
    return BRIDGED_SILENT if transfers and transfers[-1].bridged else VOICE_SILENT


def _outcome(ordered: Sequence[Entry], transfers: Sequence[TransferSummary]) -> str:
    """Name what a finished call came to: the weightiest thing that happened in it."""
    noted = {entry.outcome for entry in ordered}
    claims = {
        "opted_out": "opted_out" in noted,
        "connected": any(transfer.outcome == "connected" for transfer in transfers),
        "left": "left" in noted,
        "not_connected": bool(transfers),
        "informed": "informed" in noted,
        "abandoned": True,
    }
    return next(outcome for outcome in OUTCOMES_BY_WEIGHT if claims[outcome])


def _last(names: Iterable[str]) -> str:
    """Give the last name that is not empty."""
    return next((name for name in reversed(list(names)) if name), "")


def _call_off(transfer: TransferSummary, ended: float) -> TransferSummary:
    """End a transfer that went on when the caller was gone."""
    if not transfer.goes_on:
        return transfer
    return replace(transfer.end(ended, LEFT), left=True, queued=False)


# The transfers of a call.


def _transfers(ordered: Sequence[Entry]) -> tuple[TransferSummary, ...]:
    """Compute every transfer of a call from its entries in their order."""
    if not any(map(is_of_transfer, ordered)):
        return ()
    of_queue: dict[str, list[Entry]] = defaultdict(list)
    transfers: list[TransferSummary] = []
    talked = {entry.transfer_id for entry in ordered if is_turn(entry) and entry.ended == ACCEPTED}
    for entry in ordered:
        # SQL that was slow has not noted the talk, and takes the end of the call for that of waiting.
        belated = entry.transfer_id in talked and (entry.ended == LEFT or entry.outcome == "caller_left")
        if entry.transfer_id and not is_turn(entry) and not belated:
            of_queue[entry.transfer_id].append(entry)
    for entry in ordered:
        if entry.transfer_id and is_turn(entry):
            _add_queue_turn(transfers, entry, of_queue.get(entry.transfer_id, []))
        elif not entry.transfer_id and not entry.key.startswith(DIRECT_KINDS):
            _add_entry(transfers, entry)
    # Transfers whose turns are still in another process's journal.
    known = {transfer.transfer_id for transfer in transfers}
    transfers += [_queued(name, entries) for name, entries in sorted(of_queue.items()) if name not in known]
    for entry in ordered:
        if entry.key.startswith(DIRECT_KINDS) and not entry.transfer_id:
            transfers = [_with_agency_action(transfer, entry) for transfer in transfers]
    return tuple(transfers)


def _add_queue_turn(transfers: list[TransferSummary], turn: Entry, reported: Sequence[Entry]) -> None:
    """Add a turn that is about a queue: the caller asked for a person there, or is back."""
    if any(transfer.transfer_id == turn.transfer_id for transfer in transfers):
        _add_entry(transfers, turn)
        return
    if transfers and transfers[-1].goes_on:
        transfers[-1] = _come_back(transfers[-1], replace(turn, ended=""))
    transfers.append(_queued(turn.transfer_id, reported, turn))
    if not _asks(turn):
        _add_entry(transfers, turn)


def _add_entry(transfers: list[TransferSummary], entry: Entry) -> None:
    """Add one entry to the transfers so far."""
    goes_on = bool(transfers) and transfers[-1].goes_on
    if goes_on and transfers[-1].queued:
        if not is_turn(entry):
            return
        transfers[-1] = _come_back(transfers[-1], entry)  # Whatever they did, they are out of the queue.
    elif goes_on and entry.ended:
        transfers[-1] = transfers[-1].end(entry.at, entry.ended)
    if entry.rang and not (goes_on and entry.order in {"", transfers[-1].order}):
        _end_in_doubt(transfers, entry.at)
        transfers.append(TransferSummary(entry.order, entry.at))
    elif entry.order and not entry.rang and not entry.ended and not goes_on:
        transfers.append(TransferSummary(entry.order, entry.at, over=entry.at))  # Nobody could be rung.
    if entry.rang:
        _end_in_doubt(transfers, entry.at)
        transfers[-1] = transfers[-1].ring(AttemptSummary(entry.rang, entry.at))


def _end_in_doubt(transfers: list[TransferSummary], at: float) -> None:
    """End an attempt whose end nobody reported, now that something else rings."""
    if transfers and transfers[-1].goes_on:
        transfers[-1] = transfers[-1].end(at, IN_DOUBT)


def _with_agency_action(transfer: TransferSummary, entry: Entry) -> TransferSummary:
    """Note what an agency did on the direct path, at the attempt that rang at that moment."""
    return replace(transfer, attempts=tuple(_with_action(attempt, entry) for attempt in transfer.attempts))


def _with_action(attempt: AttemptSummary, entry: Entry) -> AttemptSummary:
    """Note it if it is this attempt's: an agency that is late has accepted nothing."""
    rang_then = attempt.rung <= entry.at and (attempt.ended is None or entry.at < attempt.ended)
    if attempt.queued or not rang_then or entry.rang not in {"", attempt.agency}:
        return attempt
    if entry.key.startswith("answer-"):
        return replace(attempt, answered=attempt.answered or entry.at)
    if attempt.accepted is not None or ACCEPTED not in {entry.outcome, entry.heard}:
        return attempt
    # The agency's own key outweighs what was said of the ring's end.
    return replace(attempt, accepted=entry.at, outcome=ACCEPTED)


# A transfer in a queue, computed from what other processes reported of it.


def _queued(transfer_id: str, reported: Sequence[Entry], turn: Entry | None = None) -> TransferSummary:
    """Compute a transfer whose caller is still in the queue, or left it without another turn."""
    entries = [*([turn] if turn else []), *reported]
    transfer = TransferSummary(
        order=next((entry.order for entry in entries if entry.order), ""),
        started=turn.at if turn and _asks(turn) else min(entry.at for entry in entries),
        attempts=_queued_attempts(reported),
        transfer_id=transfer_id,
        queued=True,
    )
    left_at = next((entry.at for entry in reported if entry.outcome == "caller_left"), None)
    return transfer if left_at is None else _leave_queue(transfer, left_at, LEFT, left=True)


def _asks(turn: Entry) -> bool:
    """Whether with this turn the caller asked for a person."""
    return bool(turn.order) and not turn.ended and not turn.rang


def _come_back(transfer: TransferSummary, turn: Entry) -> TransferSummary:
    """End the waiting with a turn of the caller's, who talked with somebody or not."""
    talked = turn.ended == ACCEPTED
    left = turn.outcome in CALLER_GONE and not talked
    if talked:
        transfer = _confirm(transfer)
    elif turn.ended or turn.transfer_id == transfer.transfer_id:
        # The network says that they waited until now: who accepted the call was too late for them.
        transfer = _revoke_acceptance(transfer, LEFT if left else NEVER_JOINED)
    back = _leave_queue(transfer, turn.at, LEFT if left else turn.ended or IN_DOUBT, left=left)
    return replace(back, talked=talked)


def _confirm(transfer: TransferSummary) -> TransferSummary:
    """Take it that the caller talked with the agency that is the likeliest, whatever was noted of its end.

    Where SQL was slow, neither its key nor its answer need have been noted: then the end of the talk looks
    like that of a ring, or our own clock took the ring for over while they talked.
    """
    likely = [one for one in transfer.attempts if one.accepted is not None or one.outcome in MAY_HAVE_TALKED]
    possible = [one for one in transfer.attempts if one.outcome in OVER_BY_OUR_CLOCK]
    talked = (likely or possible)[-1:]
    attempts = (replace(one, outcome=ACCEPTED) if one in talked else one for one in transfer.attempts)
    return replace(transfer, attempts=tuple(attempts))


def _revoke_acceptance(transfer: TransferSummary, outcome: str) -> TransferSummary:
    """Take it that nobody who accepted the call was talked with."""
    attempts = (
        replace(one, outcome=outcome) if one.outcome == ACCEPTED else one for one in transfer.attempts
    )
    return replace(transfer, attempts=tuple(attempts))


def _leave_queue(transfer: TransferSummary, at: float, outcome: str, *, left: bool) -> TransferSummary:
    """Take the caller out of the queue: whatever still went on there is over."""
    if outcome == ACCEPTED and any(attempt.outcome == ACCEPTED for attempt in transfer.attempts):
        outcome = IN_DOUBT  # It is known with whom they talked: with none of the others.
    ended = tuple(attempt.end(at, outcome) for attempt in transfer.attempts)
    return replace(transfer, attempts=ended, over=max(at, transfer.started), queued=False, left=left)


def _queued_attempts(reported: Sequence[Entry]) -> tuple[AttemptSummary, ...]:
    """Compute every attempt of a transfer, in the order in which they were begun."""
    by_number: dict[str, dict[str, Entry]] = defaultdict(dict)
    for entry in reported:
        kind, _, rest = entry.key.partition("-")
        if kind in KINDS:
            by_number[rest.rpartition("-")[2]][kind] = entry
    numbers = sorted(by_number, key=lambda number: (len(number), number))
    attempts = [_queued_attempt(by_number[number]) for number in numbers]
    over = (_supersede(attempt, later.rung) for attempt, later in pairwise(attempts))
    return (*over, *attempts[-1:])


def _queued_attempt(reported: Mapping[str, Entry]) -> AttemptSummary:
    """Compute one attempt. Its end has the last word: a key that was pressed too late joined nobody."""
    times = {kind: entry.at for kind, entry in reported.items()}
    accepted = times.get("accept")
    ended = reported["end"].ended or IN_DOUBT if "end" in reported else None
    rung = times.get("ring", min(times.values()))
    return AttemptSummary(
        agency=next((entry.rang for entry in reported.values() if entry.rang), ""),
        rung=rung,
        answered=times.get("answer"),
        accepted=accepted,
        ended=max(times["end"], rung) if "end" in times else None,
        outcome=ended or (ACCEPTED if accepted is not None else None),
        queued=True,
    )


def _supersede(attempt: AttemptSummary, later: float) -> AttemptSummary:
    """End an attempt after which another was begun: the caller still waited, so they were not joined."""
    if attempt.outcome == ACCEPTED:
        attempt = replace(attempt, outcome=NEVER_JOINED)
    return attempt.end(later, IN_DOUBT)
