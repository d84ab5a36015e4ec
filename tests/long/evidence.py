"""What a pretend network saw and what a line holds afterwards, collected for `long.promises`."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sqlalchemy import select

from ivr.flow.models import Flow, MessageStop
from ivr.flow.rendering import fill
from ivr.position import Position
from ivr.records.call_summary import LAST
from ivr.records.tables import attempts, calls, transfers, turns
from ivr.simulator.conversations import record
from ivr.simulator.documents import SORRY
from long.promises import CallLogged, Evidence, LegSeen, TextSeen, WebhookSeen, Words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from ivr.pseudonyms import Pseudonyms
    from ivr.records.database import Database
    from ivr.simulator.exchange import Exchange
    from ivr.simulator.legs import Leg
    from ivr.simulator.messages import Message
    from ivr.simulator.rehearse import Network
    from ivr.simulator.webhooks import Answer, Fetch

SUBJECTS = ("traffick", "traite", "exploit", "sex")
TURNS = 200  # No caller presses more keys.
UNANSWERED = ("EXIT", "STOP", "START", "ARRET")  # Texts to which the line itself says nothing.
ERASES = ("DELETE",)
SENTENCE = 12  # Letters from which on a text is somebody's own words, and no keyword.
NOT_TURNS = frozenset({"/voice/fixed", "/voice/farewell", "/voice/status"})
WAIT = "/wait/"  # Such a document says what goes on in its moment: a copy of it may come a moment later.
# Seconds of our clock in an answer: the one in which a person was asked for, and how long is left to ring.
MOMENTS = re.compile(r'(?<=/)\d{10}\b|(?<= timeout=")\d+(?=")')
FILES = ("*.log", "*.sqlite3*", "*.journal", "*.json", "*.rdb", "counted/*", "journal/**/*")


@dataclass
class Overheard:
    """Passes webhooks on, and keeps what was asked and answered."""

    fetch: Fetch
    now: Callable[[], float]
    webhooks: list[WebhookSeen] = field(default_factory=list)
    # Paths that answered a repeated webhook differently, though no second that passed explains it.
    differing: list[str] = field(default_factory=list)
    noticed: Callable[[], object] = lambda: None  # Called at each webhook.
    _answers: dict[tuple[str, ...], str] = field(default_factory=dict)

    def __call__(self, url: str, form: Mapping[str, str] | None, headers: Mapping[str, str]) -> Answer:
        """Send one request, and note it."""
        at = self.now()
        answer = self.fetch(url, form, headers)
        fields, path = form or {}, urlsplit(url).path
        sid = fields.get("MessageSid") or fields.get("CallSid", "")
        self.webhooks.append(WebhookSeen(sid, path, at, answer.status, answer.body, _turn(path, fields)))
        if 200 <= answer.status < 300:
            asked, says = (url, *map(str, sorted(fields.items()))), _without_moments(answer.body)
            if self._answers.setdefault(asked, says) != says and not path.startswith(WAIT):
                self.differing.append(path)
        self.noticed()
        return answer


def listen(network: Network) -> Overheard:
    """Overhear every webhook of a network from now on."""
    webhooks = network.exchange.webhooks
    heard = Overheard(webhooks.fetch, network.clock.now)
    webhooks.fetch = heard
    return heard


def words_of(flow: Flow) -> Words:
    """Give the words by which promises are recognised on a line."""
    lines = {name: prompts.lines for name, prompts in flow.prompts.items()}
    stops = {name: prompts.stops for name, prompts in flow.prompts.items()}
    back = tuple(_first(flow, name, of[flow.menus.unreached].say) for name, of in stops.items())
    return Words(
        error=SORRY,
        apologies=tuple(
            _first(flow, name, said) for name, of in lines.items() for said in (of.fixed_sorry, of.fixed_text)
        ),
        offers=tuple(
            words
            for name, of in lines.items()
            for words in (_first(flow, name, of.wait_offer), of.wait_offer_briefing)
        ),
        unreached=back,
        consents=(
            *back,
            *(
                fill(flow, name, order.offer)
                for name, prompts in flow.prompts.items()
                for order in prompts.orders.values()
            ),
        ),
        names={
            agency: tuple(
                fill(flow, name, prompts.agencies[agency].name) for name, prompts in flow.prompts.items()
            )
            for agency in flow.directory.agencies
        },
        subjects=SUBJECTS,
        about_caller=tuple(of.whisper_accepted.partition("{")[0] for of in lines.values()),
        last=tuple(name for name, agency in flow.directory.agencies.items() if agency.accept == "answer"),
    )


@dataclass
class Collector:
    """Collects evidence of one line: whatever it was that broke in it."""

    network: Network
    overheard: Overheard
    words: Words
    pseudonyms: Pseudonyms
    texting: frozenset[str]  # Stops at which a caller is texted the numbers.
    agencies: frozenset[str]
    slack: float = 1.0
    passes: bool = False  # Time passes between a webhook and its copy.
    _legs: dict[str, Leg] = field(default_factory=dict)
    _texts: dict[str, Message] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take in what the network holds at each webhook: what it deletes later was there."""
        self.overheard.noticed = self.look

    def look(self) -> None:
        """Take in what the network holds now."""
        exchange = self.network.exchange
        with exchange.clock.lock:
            self._legs |= exchange.calls
            self._texts |= exchange.texts.messages

    def collect(self, database: Database, folder: Path | None = None) -> Evidence:
        """Collect all that there is now; of the files of a folder too, if one is given."""
        self.look()
        exchange = self.network.exchange
        legs, texts, lines = [*self._legs.values()], [*self._texts.values()], tuple(exchange.feed.lines)
        ids = self._ids(legs, (text.sid for text in texts if text.direction == "inbound"))
        seen = tuple(self._leg(leg, ids) for leg in legs)
        inbound = [text for text in texts if text.direction == "inbound"]
        return Evidence(
            words=self.words,
            lines=lines,
            legs=seen,
            texts=tuple(
                TextSeen(
                    text.sid,
                    text.direction == "inbound",
                    text.sender if text.direction == "inbound" else text.to,
                    text.body,
                    text.created,
                    text.by_network,
                    text.body.strip().upper() not in UNANSWERED,
                )
                for text in texts
            ),
            webhooks=tuple(self.overheard.webhooks),
            notices=tuple(exchange.feed.faults()),
            differing=tuple(self.overheard.differing if self.passes else exchange.webhooks.differing),
            alive=tuple(leg.name for leg in exchange.legs_alive()),
            queued=sum(len(queue.waiting) for queue in exchange.queues.values()),
            log=tuple(self._log(database, ids)),
            erased=_erased(inbound),
            kept=_files(folder) if folder else {},
            personal=tuple(_personal(legs, inbound)) if folder else (),
            slack=self.slack,
        )

    def _ids(self, legs: Iterable[Leg], texts: Iterable[str]) -> dict[str, str]:
        """Give what the log calls each call and each text, and the network's name for it."""
        found = {name: leg.sid for leg in legs for name in self.pseudonyms.calls(leg.sid)}
        return found | {self.pseudonyms.message(sid): sid for sid in texts}

    def _leg(self, leg: Leg, ids: Mapping[str, str]) -> LegSeen:
        attempt = leg.plan.callback if leg.direction == "outbound-api" else None
        return LegSeen(
            sid=leg.sid,
            name=leg.name,
            number=leg.number,
            inbound=leg.direction == "inbound",
            agency=leg.number in self.agencies,
            began=leg.began,
            ended=leg.ended_at,
            of_caller=leg.parent.sid if leg.parent else _caller(attempt or "", ids),
            attempt=attempt if attempt and leg.number in self.agencies else "",
            rings_caller=leg.parent is not None,
        )

    def _log(self, database: Database, ids: Mapping[str, str]) -> Iterable[CallLogged]:
        with database.read() as sql:
            rows = sql.execute(select(calls).order_by(calls.c.started_at, calls.c.id)).all()
            held: dict[str, list[Any]] = defaultdict(list)
            for turn in sql.execute(select(turns).order_by(turns.c.call_id, turns.c.n, turns.c.seconds)):
                held[turn.call_id].append(turn)
            rung: dict[str, list[tuple[str, str | None]]] = defaultdict(list)
            tries = select(transfers.c.call_id, attempts.c.agency, attempts.c.outcome).join(attempts)
            for row in sql.execute(tries):
                rung[row.call_id].append((row.agency, row.outcome))
        for call in rows:
            of_call = [turn for turn in held[call.id] if turn.n < LAST]
            if call.channel == "text":
                of_call = [turn for turn in of_call if turn.key != "end"]
            keys = [turn.key for turn in of_call]
            known = [ids[key] for key in keys if key in ids]
            visits = [
                turn.stop
                for before, turn in zip([None, *of_call], of_call, strict=False)
                if before is None or before.stop != turn.stop
            ]
            yield CallLogged(
                sids=tuple(known) if call.channel == "text" else tuple(filter(None, [ids.get(call.id, "")])),
                channel=call.channel,
                ended=call.ended_at is not None,
                outcome=call.outcome,
                turns=tuple(ids.get(key, key) for key in keys) if call.channel == "text" else tuple(keys),
                attempts=tuple(rung[call.id]),
                wishes=sum(stop in self.texting for stop in visits),
            )


def collector_of(
    network: Network, flow: Flow, pseudonyms: Pseudonyms, slack: float = 1.0, *, passes: bool = False
) -> Collector:
    """Begin to collect the evidence of a line."""
    texting = (
        name
        for name, stop in flow.stops.items()
        if isinstance(stop, MessageStop) and stop.does == "text-numbers"
    )
    numbers = frozenset(agency.number for agency in flow.directory.agencies.values())
    return Collector(
        network, listen(network), words_of(flow), pseudonyms, frozenset(texting), numbers, slack, passes
    )


def as_conversations(seen: Evidence) -> str:
    """Write down what every caller did and heard, as a conversation file."""
    told = [
        record([line for line in seen.lines if line.call in {leg.sid, *rung}], leg.sid, f"Caller {number}.")
        for number, leg in enumerate(seen.callers, 1)
        for rung in [{each.sid for each in seen.rung_for(leg)}]
    ]
    texts = [line for line in seen.lines if line.what in {"texts", "reads"}]
    return "\n".join([*told, *([record(texts, "", "Texters.")] if texts else [])])


def _turn(path: str, form: Mapping[str, str]) -> str:
    """Name the turn that a webhook asks for."""
    if path == "/sms":
        return "text" if "Body" in form else ""
    if path == "/voice":
        return "0"
    if not path.startswith("/voice/") or path in NOT_TURNS:
        return ""
    return str(Position.parse(path.removeprefix("/voice/")).turn)


def _without_moments(body: str) -> str:
    """Give an answer as it would be in any other second."""
    return MOMENTS.sub("", body)


def _caller(attempt: str, ids: Mapping[str, str]) -> str:
    """Find for whom an agency was rung: a transfer is called after its call and turn."""
    name = attempt.partition("/transfers/")[2].partition("/")[0]
    if not name:
        return ""
    return next(
        (
            sid
            for call, sid in ids.items()
            for turn in range(TURNS)
            if hashlib.sha256(f"{call}-{turn}".encode()).hexdigest().startswith(name)
        ),
        "",
    )


def _first(flow: Flow, language: str, words: str) -> str:
    """Give the first sentence of some words."""
    return fill(flow, language, words).split(".")[0].split("。")[0].split("।")[0]


def _erased(inbound: Iterable[Any]) -> frozenset[str]:
    """Give what was to be forgotten: all that a number texted up to the last time it asked for that."""
    of_number: dict[str, list[Any]] = defaultdict(list)
    for text in inbound:
        of_number[text.sender].append(text)
    gone: set[str] = set()
    for texts in of_number.values():
        asked = [place for place, text in enumerate(texts) if text.body.strip().upper() in ERASES]
        gone |= {text.sid for text in texts[: asked[-1] + 1]} if asked else set()
    return frozenset(gone)


def _files(folder: Path) -> dict[str, bytes]:
    """Read every file that a line keeps, but its keys."""
    found: dict[str, bytes] = {}
    for path in sorted({path for pattern in FILES for path in folder.rglob(pattern) if path.is_file()}):
        with suppress(FileNotFoundError):  # SQLite takes its own files away, and journals are adopted.
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def _personal(legs: Iterable[Leg], inbound: Iterable[Any]) -> Iterable[bytes]:
    """Give what of callers nothing may hold: numbers, words of their own, and Twilio's ids."""
    for leg in legs:
        yield leg.sid.encode()
        if leg.direction == "inbound":
            yield leg.caller.removeprefix("+1").encode()
    for text in inbound:
        yield text.sid.encode()
        yield text.sender.removeprefix("+1").encode()
        if len(text.body) > SENTENCE and " " in text.body:
            yield text.body.encode()


def exchange_holds(exchange: Exchange) -> int:
    """Count what Twilio still holds of conversations that are over."""
    ended = [leg for leg in exchange.calls.values() if leg.over]
    return len(ended) + len(exchange.texts.messages) + len(exchange.queues)
