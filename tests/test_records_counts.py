from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from sizes import examples
from sqlalchemy import func, select

from ivr.effects import Entry
from ivr.records.call_log import CallRecord, list_calls
from ivr.records.counts import WEEK, list_daily
from ivr.records.deletion import DAY
from ivr.records.ingest import record
from ivr.records.retention import forget
from ivr.records.tables import attempts, calls, metadata, transfers, turns

if TYPE_CHECKING:
    from ivr.records.counts import Count
    from ivr.records.database import Database

pytest_plugins = ("postgres",)

NOW = datetime(2027, 3, 20, 12, 0, tzinfo=UTC).timestamp()
STORIES = st.lists(
    st.fixed_dictionaries(
        {
            "age": st.floats(0, 60 * DAY),
            "channel": st.sampled_from(["voice", "text"]),
            "language": st.sampled_from(["", "en", "fr"]),
            "stops": st.lists(st.sampled_from(["", "main", "law", "me"]), min_size=1, max_size=4),
            "rang": st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["", "busy", "accepted"]))),
            "outcome": st.sampled_from(["", "informed", "left", "opted_out"]),
        }
    ),
    max_size=12,
)


def at(days_ago: float) -> float:
    return NOW - days_ago * DAY


def call(name: str, days_ago: float) -> list[Entry]:
    start = at(days_ago)
    return [
        Entry(name, "0", start, "voice", "", "hello"),
        Entry(name, "1", start + 5, "voice", "fr", "person", order="any", rang="a"),
        Entry(name, "2", start + 17, "voice", "fr", "unreached", ended="busy"),
        Entry(name, "end", start + 20, "voice"),
    ]


def tell(name: str, story: dict[str, object]) -> list[Entry]:
    """Make the entries of one random call."""
    start, channel, language = NOW - float(str(story["age"])), str(story["channel"]), str(story["language"])
    did: list[dict[str, str]] = [{"stop": stop} for stop in story["stops"]]  # type: ignore[attr-defined]
    for agency, ended in story["rang"]:  # type: ignore[attr-defined]
        did += [{"order": "any", "rang": agency}, *([{"ended": ended}] if ended else [])]
    did.append({"outcome": str(story["outcome"])})
    if channel == "text":
        did += [{"heard": "unclear", "written": "fr", "nearest": "law"}, {"heard": "wish", "written": "en"}]
    return [
        Entry(name, str(n), start + 7.5 * n, channel, language, **more)  # type: ignore[arg-type]
        for n, more in enumerate(did)
    ]


def empty(database: Database) -> None:
    with database.write() as sql:
        for table in reversed(metadata.sorted_tables):
            sql.execute(table.delete())


def expected(log: list[CallRecord]) -> Counter[tuple[date, str, str]]:
    """Count calls from what the log shows of them, another way than the code does."""
    counts: Counter[tuple[date, str, str]] = Counter()
    for one in log:
        day, began = one.started_at.date(), one.started_at
        told = [("language", one.language), ("outcome", one.outcome or "")]
        told += [("hour", f"{WEEK[began.weekday()]}-{began.hour:02}")]
        told += [("stop", stop) for stop in set(one.stops)]
        if one.channel == "text":  # Each story of a text tells of two.
            told += [("text", "fr unclear"), ("nearest", "fr law"), ("text", "en wish")]
        for transfer in one.transfers:
            told += [("transfer", transfer.outcome or "")]
            talked = transfer.outcome == "connected" or "accepted" in {
                ring.outcome for ring in transfer.attempts
            }
            steps = {"rung": bool(transfer.attempts), "answered": talked, "accepted": talked}
            told += [("reached", step) for step, came in steps.items() if came]
            for ring in transfer.attempts:
                told += [("agency_rung", ring.agency), (f"agency_{ring.outcome or 'unknown'}", ring.agency)]
                if ring.outcome == "accepted":  # Nobody notes an answer in these stories but by the key.
                    told += [("agency_answered", ring.agency)]
        counts[day, "texts" if one.channel == "text" else "calls", ""] += 1
        counts.update((day.replace(day=1), *thing) for thing in told)
    return counts


def counted(database: Database, *without: str) -> Counter[tuple[date, str, str]]:
    rows = [row for row in list_daily(database) if row.what not in without]
    return Counter({(row.day, row.what, row.name): row.count for row in rows})


def of(rows: list[Count], what: str) -> int:
    return sum(row.count for row in rows if row.what == what)


def sizes(database: Database) -> list[int | None]:
    with database.read() as sql:
        tables = (calls, turns, transfers, attempts)
        return [sql.scalar(select(func.count()).select_from(table)) for table in tables]


@examples(12)
@given(stories=STORIES, batch=st.integers(1, 5))
def test_counts_equal_those_of_the_deleted_calls(
    database: Database, stories: list[dict[str, object]], batch: int
) -> None:
    empty(database)
    for number, story in enumerate(stories):
        record(database, tell(f"call-{number}", story), NOW)
    before = list(list_calls(database))
    old = [one for one in before if one.started_at.timestamp() < at(30)]
    young = [one for one in before if one not in old]
    rows = sizes(database)

    gone = forget(database, NOW, 30, 24, batch=batch)

    assert list(list_calls(database)) == young
    assert counted(database, "last_stop", "waited") == expected(old)
    deleted = [gone.calls, gone.turns, gone.transfers, gone.attempts]
    assert deleted == [a - b for a, b in zip(rows, sizes(database), strict=True)]  # type: ignore[operator]
    kept = list_daily(database)
    assert of(kept, "last_stop") == len(old)
    assert of(kept, "waited") <= of(kept, "transfer")


def test_how_calls_ended_and_agencies_were_rung_is_counted(database: Database) -> None:
    record(database, [*call("c", 40), *call("d", 40)], NOW)

    forget(database, NOW, 30, 24)

    found = {(row.what, row.name): row.count for row in list_daily(database)}
    assert found["last_stop", "unreached"] == 2
    assert found["transfer", "not_connected"] == found["reached", "rung"] == 2
    assert found["agency_busy", "a"] == found["agency_rung", "a"] == 2


def test_on_a_quiet_day_only_the_number_of_calls_has_that_day(database: Database) -> None:
    record(database, call("c", 40), NOW)

    forget(database, NOW, 30, 24)

    assert {row.what for row in list_daily(database) if row.day.day != 1} == {"calls"}


def test_days_and_hours_are_those_of_the_place(database: Database) -> None:
    start = datetime(2027, 2, 1, 3, 30, tzinfo=UTC)  # A Sunday evening in Hamilton, in January.
    record(database, [Entry("c", "0", start.timestamp(), "voice", "en", "main")], NOW)

    forget(database, NOW, 30, 24, zone=ZoneInfo("America/Toronto"))

    found = counted(database)
    assert found[date(2027, 1, 31), "calls", ""] == found[date(2027, 1, 1), "hour", "sun-22"] == 1
