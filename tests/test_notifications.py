"""Operators are told what they chose, once, where they want it, and nothing of any caller."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT
from console import SECRET, Console, Hands
from mail_server import REFUSED, Mailbox, serve_mail, serve_posts

from ivr.effects import Entry
from ivr.encryption import reseal, seal, unseal
from ivr.records.agency_status import switch_off, switch_on
from ivr.records.audit import list_audit_entries
from ivr.records.call_log import list_calls
from ivr.records.counts import TALKED, count_delivery
from ivr.records.ingest import record
from ivr.records.notifications import (
    AlarmKind,
    Digest,
    Subscription,
    claim,
    find_subscription,
    list_subscriptions,
    subscribe,
)
from ivr.records.operators import Role, disable_operator
from ivr.records.periods import Period
from ivr.records.report_queries import read_report
from ivr.reports.digest import MessageWords
from ivr.reports.document import LANGUAGES
from ivr.web.console.context import translations
from ivr.web.console.query_params import names_number
from ivr.wiring import notifications_of
from ivr.work import message_sending
from ivr.work.message_sending import (
    ALLOWED,
    ALLOWED_WITHIN,
    NOT_TAKEN,
    OPTIONS,
    PRIVATE,
    UNKNOWN,
    InnerAddressError,
    Message,
    MessageSender,
    is_inner,
    masked,
    refuse_inner,
)
from ivr.work.notifications import LineNow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from months import Months

    from ivr.flow.models import Flow
    from ivr.records.database import Database
    from ivr.settings import Settings

pytest_plugins = ("months", "postgres")

DAY, HALF_AN_HOUR = 86_400, 1800
MORNING = datetime(2026, 11, 26, 13, 5, tzinfo=UTC).timestamp()  # A Thursday, 8:05 in Hamilton.
MAIL = "olu@agency.example"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with serve_mail() as box:
        yield box


@pytest.fixture
def console(tmp_path: Path, flow: Flow, mailbox: Mailbox) -> Console:
    sender = MessageSender(mailbox.url, "line@line.example")
    made = Console(tmp_path, flow, ROOT / "prompts", sender=sender)
    made.at = MORNING
    return made


@pytest.fixture
def hands(console: Console) -> Hands:
    return console.signed_in("olu", Role.OPERATOR)


def choose(hands: Hands, address: str = MAIL, **form: object) -> str:
    """Choose as an operator does, and give the page that answers."""
    chosen = {"digest": "daily", "unreached": "5"} | form
    answer = hands.post("/notifications", "/notifications", address=address, **chosen)  # type: ignore[arg-type]  # a list for what is ticked
    return hands.get("/notifications").text if answer.status_code == 303 else answer.text


def told(console: Console, mailbox: Mailbox) -> list[str]:
    """Have everybody told who is to be, and give the subjects that came."""
    console.notifications.tell()
    return [str(mail["Subject"]) for mail in mailbox.all()]


def test_a_digest_comes_once_a_day_with_counts_alone(
    console: Console, mailbox: Mailbox, months: Months
) -> None:
    months.fill(console.database, console.at)
    choose(console.signed_in("olu", Role.OPERATOR))
    console.at += DAY

    first, again = told(console, mailbox), told(console, mailbox)
    console.at += DAY
    tomorrow = told(console, mailbox)

    assert [subject.rpartition(": ")[2] for subject in (*first, *again)] == ["2026-11-26"]
    assert [subject.rpartition(": ")[2] for subject in tomorrow] == ["2026-11-27"]


def test_a_digest_of_a_day_before_it_was_chosen_does_not_come(
    console: Console, hands: Hands, mailbox: Mailbox
) -> None:
    choose(hands)

    assert told(console, mailbox) == []


def test_a_weekly_digest_comes_on_monday_of_the_week_before(
    console: Console, hands: Hands, mailbox: Mailbox
) -> None:
    choose(hands, digest="weekly")
    console.at += 3 * DAY
    sunday = told(console, mailbox)
    console.at += DAY

    assert sunday == []
    assert [each.rpartition(": ")[2] for each in told(console, mailbox)] == ["2026-11-23 to 2026-11-29"]


def test_an_alarm_comes_once_until_its_event_is_over(
    console: Console, hands: Hands, mailbox: Mailbox, flow: Flow
) -> None:
    choose(hands, digest="none", alarm=["all_off"])
    for agency in flow.directory.agencies:
        switch_off(console.database, agency, None, "a holiday")

    first, again = told(console, mailbox), told(console, mailbox)
    console.at += HALF_AN_HOUR + 1
    still = told(console, mailbox)
    for agency in flow.directory.agencies:
        switch_on(console.database, agency)
    over = told(console, mailbox)
    for agency in flow.directory.agencies:
        switch_off(console.database, agency, None, "a holiday")
    anew = told(console, mailbox)

    assert [len(each) for each in (first, again, still, over, anew)] == [1, 0, 0, 0, 1]


def reach_nobody(console: Console, callers: int) -> None:
    """Let some callers ask for a person, and hang up without one."""
    for each in range(callers):
        call, at = f"{each:032x}", console.at - 600 - each
        asked = Entry(call, "1", at, "voice", "en", "person", order="any", transfer_id=call)
        rung = Entry(call, f"ring-{call}-1", at + 5, "voice", order="any", rang="chrysalis", transfer_id=call)
        missed = Entry(call, f"end-{call}-1", at + 25, "voice", ended="no_answer", transfer_id=call)
        over = Entry(call, "end", at + 40, "voice", ended="completed")
        record(console.database, [asked, rung, missed, over], console.at)


def test_callers_who_reached_nobody_are_told_of_from_as_many_on_as_were_chosen(
    console: Console, hands: Hands, mailbox: Mailbox
) -> None:
    reach_nobody(console, 5)
    choose(hands, digest="none", alarm=["unreached"], unreached="10")
    few = told(console, mailbox)
    choose(hands, digest="none", alarm=["unreached"], unreached="5")
    console.notifications.tell()

    assert few == []
    assert "5 callers or more" in mailbox.next().get_content()


def test_texts_that_do_not_arrive_and_a_silent_part_are_told_of(
    console: Console, hands: Hands, mailbox: Mailbox
) -> None:
    choose(hands, digest="none", alarm=["undelivered", "silent"])
    console.parts |= {"redis": True, "worker": False}
    for _ in range(3):
        count_delivery(console.database, console.at_date, "30003")

    console.notifications.tell()
    first = [mail.get_content() for mail in mailbox.all()]
    console.notifications.tell()
    second = [mail.get_content() for mail in mailbox.all()]

    assert [words.partition(".")[0] for words in first] == ["Three texts in a row or more did not arrive"]
    assert [words.partition(":")[0] for words in second] == ["No worker is alive"]


def test_of_two_processes_one_sends(console: Console, hands: Hands, mailbox: Mailbox) -> None:
    choose(hands, alarm=["silent"])
    console.parts |= {"redis": True}
    console.at += DAY
    others = [replace(console.notifications, _silent={}) for _ in range(4)]
    for each in others:
        each.tell()  # Each has seen the part silent once.
    mailbox.all()
    console.at += DAY
    start = threading.Barrier(len(others))

    def tell(one: int) -> None:
        start.wait(60)
        others[one].tell()

    threads = [threading.Thread(target=tell, args=(one,)) for one in range(len(others))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(mailbox.all()) == 2  # A digest and an alarm.


def test_a_claim_is_had_once_also_on_postgresql(database: Database) -> None:
    now = datetime.fromtimestamp(MORNING, UTC)
    start, won = threading.Barrier(4), []

    def try_it() -> None:
        start.wait(60)
        won.append(claim(database, "olu", "digest daily 2026-11-26", now))

    threads = [threading.Thread(target=try_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(won) == [False, False, False, True]
    assert claim(database, "olu", "digest daily 2026-11-26", now + timedelta(minutes=6))


def test_what_did_not_go_is_tried_again_and_then_no_more(
    console: Console, hands: Hands, mailbox: Mailbox
) -> None:
    choose(hands, REFUSED)
    console.at += DAY
    faults = []
    for _ in range(9):
        console.notifications.tell()
        known = find_subscription(console.database, "olu")
        assert known
        faults.append((known.fault, known.tried_at))
        console.at += 301

    assert {fault for fault, _ in faults} == {NOT_TAKEN}
    assert len({at for _, at in faults}) == 6
    assert mailbox.all() == []


def test_a_trial_says_what_came_of_it(hands: Hands, mailbox: Mailbox) -> None:
    choose(hands)
    went = hands.post("/notifications/now", "/notifications")
    page = hands.get("/notifications").text
    choose(hands, REFUSED)
    hands.post("/notifications/now", "/notifications")
    failed = hands.get("/notifications").text

    assert went.status_code == 303
    assert "A digest was taken for o…@agency.example" in page
    assert mailbox.next()["To"] == MAIL
    assert "No digest went: The mail server or the service refused it" in failed
    assert "did not go at 2026-11-26 08:05" in failed


def test_a_message_reaches_a_service_within_where_that_is_allowed() -> None:
    message = Message("Line: alarm", "All agencies are off")
    with serve_posts() as (host, came):
        within = MessageSender(private=True).send(f"json://{host}/hook", message)
        outside = MessageSender().send(f"jsons://{host}/hook", message)

    assert (within, outside) == ("", PRIVATE)
    assert [(each["title"], each["message"]) for each in came] == [("Line: alarm", "All agencies are off")]


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("syslog://", UNKNOWN),
        ("dbus://", UNKNOWN),
        ("mailto://user:pass@mail.example", UNKNOWN),
        ("json://line.example/hook", UNKNOWN),
        ("12895550123", UNKNOWN),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ?template=/etc/passwd", OPTIONS),
        ("ntfys://127.0.0.1/topic", PRIVATE),
        ("jsons://localhost/hook", PRIVATE),
        ("jsons://2130706433/hook", PRIVATE),
        ("olu@agency.example\nBcc: all@agency.example", UNKNOWN),
    ],
)
def test_an_address_that_will_not_do_changes_nothing_and_says_why(
    console: Console, hands: Hands, address: str, fault: str
) -> None:
    page = choose(hands, address)

    assert str(translations("en")[fault]).partition(":")[0] in page
    assert find_subscription(console.database, "olu") is None


@pytest.mark.parametrize(
    ("host", "inner"),
    [
        ("127.0.0.1", True),
        ("10.1.2.3", True),
        ("169.254.169.254", True),
        ("100.64.0.1", True),
        ("0.0.0.0", True),  # noqa: S104 - nobody listens there
        ("224.0.0.1", True),
        ("::1", True),
        ("fe80::1%eth0", True),
        ("::ffff:10.0.0.1", True),
        ("64:ff9b::a00:1", True),
        ("2002:a00:1::", True),
        ("service.example", True),
        ("1.1.1.1", False),
        ("2606:4700:4700::1111", False),
    ],
)
def test_only_public_addresses_are_connected_with(host: str, *, inner: bool) -> None:
    assert is_inner(host) is inner


def test_a_name_that_leads_elsewhere_when_it_is_sent_to_leads_nowhere() -> None:
    seen: list[str] = []
    hook = refuse_inner(lambda: seen.append("refused"))

    hook("socket.connect", (None, ("1.1.1.1", 443)))
    for event, given in (
        ("socket.connect", (None, ("127.0.0.1", 443))),
        ("socket.connect", (None, "/run/redis.sock")),
        ("socket.sendto", (None, ("10.0.0.1", 53))),
    ):
        with pytest.raises(InnerAddressError):
            hook(event, given)
    with pytest.raises(InnerAddressError):
        hook("subprocess.Popen", ("sh", ["sh"], None, None))

    assert seen == ["refused"] * 3


REBOUND = """
import socket, sys
from ivr.work.message_sending import send_by_service
ask, public = socket.getaddrinfo, ["1.1.1.1"]
def answer(host, *rest, **more):
    found = (public.pop() if public else "127.0.0.1") if host == "rebound.example" else host
    return ask(found, *rest, **more)
socket.getaddrinfo = answer
print(send_by_service({"address": sys.argv[1], "private": False, "subject": "a", "body": "b"}))
"""


def test_a_name_that_leads_inside_the_second_time_is_not_connected_with() -> None:
    with serve_posts() as (host, came):
        address = f"json://rebound.example:{host.rpartition(':')[2]}/hook"
        asked = subprocess.run([sys.executable, "-c", REBOUND, address], capture_output=True, check=True)

    assert asked.stdout.decode().split() == [PRIVATE]
    assert came == []


def test_the_worker_sends_a_digest_and_an_alarm_by_the_mail_server_of_the_settings(
    console: Console, hands: Hands, mailbox: Mailbox, settings: Settings, flow: Flow
) -> None:
    sent_by = replace(settings, smtp_url=mailbox.url, mail_from="line@line.example", secret_key=SECRET)
    choose(hands, alarm=["all_off"])
    for agency in flow.directory.agencies:
        switch_off(console.database, agency, None, "a holiday")
    tells = notifications_of(sent_by, flow, console.database, lambda: MORNING + DAY)

    tells.run_due()
    tells.finish()
    mails = {str(mail["Subject"]).rpartition(": ")[2]: mail for mail in mailbox.all()}

    assert set(mails) == {"2026-11-26", "alarm"}
    assert {mail["From"] for mail in mails.values()} == {"line@line.example"}
    assert all(mail["Date"] and "@line.example>" in mail["Message-ID"] for mail in mails.values())
    assert "Agencies switched off now: 3 of 3" in mails["2026-11-26"].get_content()
    assert "All agencies are switched off" in mails["alarm"].get_content()


def test_every_service_that_may_be_used_has_a_reason_and_is_one_of_apprise() -> None:
    ask = "from apprise.manager_plugins import NotificationManager as N; print(*N().schemas())"

    schemes = (
        subprocess.run([sys.executable, "-c", ask], capture_output=True, check=True).stdout.decode().split()
    )

    assert (set(ALLOWED) | set(ALLOWED_WITHIN)) - set(schemes) == set()
    assert all((ALLOWED | ALLOWED_WITHIN).values())
    assert message_sending.FIXED - set(ALLOWED) == set()


def test_an_address_lies_sealed_and_stands_on_no_page_and_in_no_audit(console: Console, hands: Hands) -> None:
    page = choose(hands)
    known = find_subscription(console.database, "olu")
    assert known

    audit = " ".join(f"{each.did} {each.about}" for each in list_audit_entries(console.database))

    assert MAIL.encode() not in known.address
    assert unseal((SECRET,), known.address) == MAIL.encode()
    assert unseal(("another secret",), known.address) == b""
    assert MAIL not in page
    assert "o…@agency.example" in page
    assert "notifications chosen digest daily" in audit
    assert "agency.example" not in audit
    assert masked("ntfys://ntfy.sh/secret-topic") == "ntfys://…"


def test_an_address_is_carried_over_to_a_new_secret() -> None:
    kept = seal("old", MAIL.encode())

    carried = reseal(("new", "old"), kept)

    assert unseal(("new",), carried) == MAIL.encode()
    assert reseal(("new", "other"), kept) == kept


def test_whoever_is_disabled_or_wants_nothing_more_is_told_nothing(
    console: Console, hands: Hands, mailbox: Mailbox
) -> None:
    console.add("ada")
    choose(hands)
    eve = console.signed_in("eve", Role.VIEWER)
    choose(eve)
    eve.post("/notifications/end", "/notifications")
    disable_operator(console.database, "olu")
    console.at += DAY

    assert list_subscriptions(console.database) == []
    assert find_subscription(console.database, "eve") is None
    assert told(console, mailbox) == []


def test_an_empty_address_keeps_the_known_one(console: Console, hands: Hands) -> None:
    missing = choose(hands, "")
    choose(hands)
    choose(hands, "", digest="weekly")
    known = find_subscription(console.database, "olu")

    assert "write an address" in missing
    assert known
    assert (known.digest, unseal((SECRET,), known.address)) == (Digest.WEEKLY, MAIL.encode())


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_message_holds_a_number_a_word_or_a_call(
    console: Console, months: Months, flow: Flow, language: str
) -> None:
    months.fill(console.database, console.at)
    words = MessageWords(flow.line.name)
    zone = console.notifications.zone
    days = [datetime.fromtimestamp(MORNING, UTC).date() - timedelta(days=n) for n in range(1, 29)]
    calls = {call.id for call in list_calls(console.database)}

    messages = [
        words.digest(language, read_report(console.database, Period(day, day, zone)), LineNow(3, 1, 2, 4))
        for day in days
    ]
    messages += [words.alarm(language, kind, about) for kind in AlarmKind for about in ("redis", "5", "")]

    assert len(calls) > 50
    for message in messages:
        written = f"{message.subject}\n{message.body}"
        assert not names_number(written)
        assert not calls & set(re.findall(r"\w+", written))
        assert not re.search(
            r": [1-4]\n", message.body.replace(": 2\n", "", 1)
        )  # 2 alarms; no caller is counted there.


def test_a_small_count_is_not_told(console: Console, flow: Flow) -> None:
    report = read_report(console.database, Period(console.at_date, console.at_date))
    few = replace(report, days={"calls": [3], "texts": [9]}, counts={"transfer": {TALKED: 9, "in_vain": 2}})

    body = MessageWords(flow.line.name).digest("en", few, LineNow(3, 0, 0, 4)).body

    assert "Calls: not shown" in body
    assert "Conversations by text: not shown" in body  # Else the two together would tell the first.
    assert "Asked for a person: 11" in body
    assert "talked with one: not shown" in body
    assert "did not arrive: not shown" in body


def test_nothing_is_asked_for_more_often_than_somebody_would(
    tmp_path: Path, flow: Flow, mailbox: Mailbox
) -> None:
    class Once:
        def allow(self, what: str, mark: str, most: int, seconds: int) -> bool:
            return what != "notify" or not (mark and most and seconds)

    console = Console(
        tmp_path, flow, ROOT / "prompts", Once(), sender=MessageSender(mailbox.url, "line@line.example")
    )
    hands = console.signed_in("olu", Role.OPERATOR)

    assert "Too many tries" in choose(hands)


def test_a_subscription_is_replaced_by_the_next(database: Database) -> None:
    first = Subscription(
        "olu",
        seal(SECRET, b"a@b.example"),
        "en",
        Digest.DAILY,
        frozenset({AlarmKind.SILENT}),
        5,
        datetime.fromtimestamp(MORNING, UTC),
    )
    subscribe(database, first)
    second = replace(first, digest=Digest.NONE, alarms=frozenset())
    subscribe(database, second)

    assert find_subscription(database, "olu") == second
