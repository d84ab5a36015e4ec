"""Texts that never arrive: each is told to us, counted by its reason, shown, and alarmed when they go on."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from fakes import KeptArchive, KeptEffects, make_line
from postgres import put_tables

from ivr.effects import Alarm, NoteDelivery
from ivr.records.counts import count_delivery, list_undelivered
from ivr.records.database import connect
from ivr.records.retention import forget
from ivr.telephony.fallback_twiml import fixed_documents
from ivr.telephony.twiml import TwimlRenderer

if TYPE_CHECKING:
    from conftest import Twilio

    from ivr.flow.models import Flow
    from ivr.line import Line
    from ivr.records.database import Database
    from ivr.settings import Settings

CALLBACK = "https://line.example/sms/status"
TODAY, NOW = date(2026, 11, 25), 1_795_600_000.0


@pytest.fixture
def database(settings: Settings) -> Database:
    put_tables(settings.database_url)
    return connect(settings.database_url)


def noted(line: Line) -> list[str]:
    assert isinstance(line.later, KeptEffects)
    return [effect.reason for effect in line.later.effects if isinstance(effect, NoteDelivery)]


@pytest.mark.parametrize("words", ["signs", "HELP", "what is this"])
def test_a_reply_asks_whether_it_arrived(twilio: Twilio, words: str) -> None:
    message = ET.fromstring(twilio.text(words, "SM1").get_data(as_text=True)).find("Message")  # noqa: S314 - our own

    assert message is not None
    assert message.get("statusCallback") == CALLBACK


def test_the_fixed_reply_asks_too(flow: Flow) -> None:
    documents = fixed_documents(TwimlRenderer(flow, "+12895550100", "https://line.example"))

    assert f'statusCallback="{CALLBACK}"' in documents.text


@pytest.mark.parametrize(
    ("form", "reasons"),
    [
        ({"MessageStatus": "queued"}, []),
        ({"MessageStatus": "sent"}, []),
        ({"MessageStatus": "delivered"}, [""]),
        ({"MessageStatus": "undelivered", "ErrorCode": "30007"}, ["30007"]),
        ({"MessageStatus": "failed", "ErrorCode": "30034"}, ["30034"]),
        ({"MessageStatus": "undelivered"}, ["unknown"]),
        ({"MessageStatus": "failed", "ErrorCode": "+1905"}, ["unknown"]),
        ({}, []),
    ],
)
@pytest.mark.parametrize("path", ["/sms/status", "/sms"])
def test_news_of_a_text_is_noted_by_its_reason_and_answered_by_nothing(
    twilio: Twilio, line: Line, path: str, form: dict[str, str], reasons: list[str]
) -> None:
    if path == "/sms" and not form:
        return  # A text that has nothing in it.

    answer = twilio.post(path, MessageSid="SM1", **form)

    assert (answer.status_code, answer.data) == (204, b"")
    assert noted(line) == reasons


def test_what_is_noted_names_neither_twilios_text_nor_a_phone(twilio: Twilio, line: Line) -> None:
    twilio.post("/sms/status", MessageSid="SM1", MessageStatus="delivered", To="+19055550123")

    assert isinstance(line.later, KeptEffects)
    ((message, _),) = [(e.message, e) for e in line.later.effects if isinstance(e, NoteDelivery)]
    assert "SM1" not in message
    assert "5550123" not in repr(line.later.effects)


def test_texts_that_did_not_arrive_are_counted_by_reason(database: Database) -> None:
    for reason in ("30007", "", "30034", "30007"):
        count_delivery(database, TODAY, reason)
    count_delivery(database, date(2026, 10, 1), "30003")

    assert list(list_undelivered(database, date(2026, 11, 1)).items()) == [("30007", 2), ("30034", 1)]


def test_one_that_arrives_begins_the_count_in_a_row_anew(database: Database) -> None:
    days = [date(2026, 11, 24), TODAY]
    seen = [count_delivery(database, day, "30007") for day in days]
    seen += [count_delivery(database, TODAY, reason) for reason in ("30034", "", "30007")]

    assert seen == [1, 2, 3, 0, 1]


def test_counts_of_texts_are_forgotten_with_the_other_counts(database: Database) -> None:
    count_delivery(database, date(2024, 1, 1), "30007")
    count_delivery(database, TODAY, "30007")

    gone = forget(database, NOW, 30, 24)

    assert gone.deliveries == 1
    assert list_undelivered(database, date(2020, 1, 1)) == {"30007": 1}


def test_three_texts_in_a_row_that_did_not_arrive_are_an_alarm(flow: Flow) -> None:
    later, told = KeptEffects(), list[str]()
    line = make_line(flow, later=later, archive=KeptArchive(), send_alarm=told.append)
    alarms = []
    for number, reason in enumerate(("30007", "30034", "", "30007", "30003", "30007")):
        line.perform(NoteDelivery(f"m{number}", reason))
        alarms.append(len(later.effects))

    for effect in later.effects:
        line.perform(effect)

    assert alarms == [0, 0, 0, 0, 0, 1]
    assert later.effects == [Alarm("undelivered")]
    assert ["ivr doctor" in words for words in told] == [True]
