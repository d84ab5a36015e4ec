from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from ivr.effects import Entry
from ivr.records.call_log import list_calls
from ivr.records.ingest import record
from ivr.records.tables import attempts

if TYPE_CHECKING:
    from ivr.records.database import Database

pytest_plugins = ("postgres",)

START = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)


def at(seconds: float) -> float:
    return START.timestamp() + seconds


def call(name: str, seconds: float, channel: str = "voice", outcome: str = "") -> list[Entry]:
    return [
        Entry(name, "1", at(seconds), channel, "en", "main", outcome=outcome),
        Entry(name, "end", at(seconds + 1), channel),
    ]


def test_call_is_written_as_the_issue_says(database: Database) -> None:
    entries = [
        Entry("c", "0", at(0), "voice", "", "hello"),
        Entry("c", "1", at(5), "voice", "fr", "main"),
        Entry("c", "2", at(9), "voice", "fr", "main"),
        Entry("c", "3", at(12.34), "voice", "fr", "person", order="any", rang="chrysalis"),
        Entry("c", "4", at(33), "voice", "fr", "unreached", ended="no_answer"),
        Entry("c", "5", at(40), "voice", "fr", "main"),
        Entry("c", "end", at(60.9), "voice"),
    ]
    record(database, entries, at(61))

    (found,) = list_calls(database)

    assert json.loads(json.dumps(found.as_json())) == {
        "id": "c",
        "channel": "voice",
        "started_at": "2027-01-02T03:04:05Z",
        "ended_at": "2027-01-02T03:05:05Z",
        "language": "fr",
        "outcome": "not_connected",
        "turns": 6,
        "stops": ["hello", "main", "person", "unreached", "main"],
        "transfers": [
            {
                "order": "any",
                "outcome": "not_connected",
                "waited": 20.7,
                "attempts": [{"agency": "chrysalis", "outcome": "no_answer", "seconds": 20.7}],
            }
        ],
    }


QUEUED = [
    Entry("c", "0", at(0), "voice", "", "hello"),
    Entry("c", "1", at(10), "voice", "fr", "main"),
    Entry("c", "2", at(20), "voice", "fr", "person", order="any", transfer_id="s"),
    Entry("c", "ring-s-1", at(21), "voice", order="any", rang="victim-services", transfer_id="s"),
    Entry("c", "end-s-1", at(41), "voice", order="any", ended="no_answer", transfer_id="s"),
    Entry("c", "ring-s-2", at(42), "voice", order="any", rang="chrysalis", transfer_id="s"),
    Entry("c", "answer-s-2", at(50), "voice", order="any", heard="answered", transfer_id="s"),
    Entry("c", "accept-s-2", at(55), "voice", order="any", transfer_id="s", outcome="accepted"),
    Entry("c", "end-s-2", at(300), "voice", order="any", ended="accepted", transfer_id="s"),
    Entry("c", "3", at(301), "voice", "fr", "anything-else", ended="accepted", transfer_id="s"),
    Entry("c", "end", at(320), "voice"),
]


def test_call_is_listed_with_the_rings_of_its_queue(database: Database) -> None:
    for entry in reversed(QUEUED):
        record(database, [entry], at(400))

    (call,) = list_calls(database)

    assert call.stops == ("hello", "main", "person", "anything-else")
    assert (call.outcome, call.turns) == ("connected", 4)
    assert call.as_json()["transfers"] == (
        {
            "order": "any",
            "outcome": "connected",
            "waited": 35.0,
            "attempts": (
                {"agency": "victim-services", "outcome": "no_answer", "seconds": 20.0},
                {"agency": "chrysalis", "outcome": "accepted", "seconds": 258.0},
            ),
        },
    )


def test_each_attempt_is_a_row_with_all_its_moments(database: Database) -> None:
    record(database, QUEUED, at(400))

    with database.read() as sql:
        found = sql.execute(select(attempts).order_by(attempts.c.number)).mappings().all()

    moments = ("rung_at", "answered_at", "accepted_at", "ended_at")
    told = [[row[name] and row[name].timestamp() for name in moments] for row in found]
    assert told == [[at(21), None, None, at(41)], [at(42), at(50), at(55), at(300)]]
    assert [row["waited_seconds"] for row in found] == [20.0, 13.0]


def test_call_that_goes_on_has_no_end(database: Database) -> None:
    record(database, call("c", 0)[:1], at(1))

    (found,) = list_calls(database)

    assert (found.as_json()["ended_at"], found.outcome) == (None, None)


def test_calls_are_chosen_by_time_channel_and_outcome(database: Database) -> None:
    told = [("a", 0, "voice", ""), ("b", 60, "text", "left"), ("c", 120, "voice", "informed")]
    record(database, [entry for one in told for entry in call(*one)], at(500))

    def chosen(**wanted: object) -> list[str]:
        return [found.id for found in list_calls(database, **wanted)]  # type: ignore[arg-type]

    minute = timedelta(minutes=1)
    assert chosen() == ["a", "b", "c"]
    assert chosen(since=START + minute) == ["b", "c"]
    assert chosen(until=START + minute) == ["a"]
    assert chosen(since=START + minute, until=START + 2 * minute) == ["b"]
    assert chosen(channel="text") == ["b"]
    assert chosen(outcome="informed") == ["c"]
    assert chosen(outcome="connected") == []


def test_calls_of_one_moment_are_each_listed_once(database: Database) -> None:
    record(
        database, [entry for number in range(450) for entry in call(f"{number:03}", number // 300)], at(500)
    )

    listed = [found.id for found in list_calls(database)]

    assert listed == [f"{number:03}" for number in range(450)]
