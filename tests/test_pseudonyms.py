"""Marks: whose they are can be found with both halves of the key, and with nothing less."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ivr.pseudonyms import MonthKeys, Pseudonyms, month_before, month_of
from ivr.telephony.webhook_forms import sender

if TYPE_CHECKING:
    from pathlib import Path

NOVEMBER, DECEMBER, JANUARY = 1_795_000_000.0, 1_797_600_000.0, 1_800_200_000.0
SECRET = "a secret of the environment"
PLANTED = "+19055464904"
SEARCHED = [f"+1905546{number:04}" for number in range(10_000)]


@dataclass
class Calendar:
    at: float = NOVEMBER

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


def marks(folder: Path, calendar: Calendar, secret: str = SECRET) -> Pseudonyms:
    return Pseudonyms(secret, MonthKeys(folder), calendar)


def found(here: Pseudonyms, mark: str) -> list[str]:
    """Try every number of an exchange, as a thief would."""
    return [number for number in SEARCHED if mark in here.callers(number)]


def test_with_both_halves_a_search_of_all_numbers_finds_a_mark(tmp_path: Path, calendar: Calendar) -> None:
    planted = marks(tmp_path, calendar).caller(PLANTED)

    assert found(marks(tmp_path, calendar), planted) == [PLANTED]


def test_with_the_random_half_alone_nothing_is_found(tmp_path: Path, calendar: Calendar) -> None:
    planted = marks(tmp_path, calendar).caller(PLANTED)

    assert found(marks(tmp_path, calendar, secret=""), planted) == []


def test_with_the_secret_alone_nothing_is_found(tmp_path: Path, calendar: Calendar) -> None:
    planted = marks(tmp_path / "keys", calendar).caller(PLANTED)

    assert found(marks(tmp_path / "stolen", calendar), planted) == []


def test_once_the_months_key_is_replaced_and_destroyed_nothing_is_found(
    tmp_path: Path, calendar: Calendar
) -> None:
    here = marks(tmp_path, calendar)
    planted = here.caller(PLANTED)
    files = sorted(path.name for path in tmp_path.iterdir())

    calendar.at = DECEMBER
    next_month = found(here, planted)
    calendar.at = JANUARY
    here.keys.destroy(here.month)
    later = found(here, planted)

    assert files == [f"{month_of(NOVEMBER)}.key"]
    assert next_month == [PLANTED]  # So that DELETE reaches what was kept before the month turned.
    assert later == []
    assert not (tmp_path / files[0]).exists()


def test_marks_link_a_month_and_no_longer(tmp_path: Path, calendar: Calendar) -> None:
    here = marks(tmp_path, calendar)
    november = here.caller(PLANTED)
    same = here.caller(PLANTED)
    calendar.at = DECEMBER

    assert november == same
    assert here.caller(PLANTED) != november


@pytest.mark.parametrize(
    "number", ["anonymous", "", "+266696687", "+86282452253", "sip:a@b.example", "client:x", "unknown"]
)
def test_whoever_withholds_their_number_has_no_mark(tmp_path: Path, calendar: Calendar, number: str) -> None:
    caller = marks(tmp_path, calendar).who(sender({"From": number}))

    assert (caller.mark, caller.marks, caller.opt_out, caller.block) == ("", (), "", "")


def test_processes_that_start_at_once_make_one_key(tmp_path: Path, calendar: Calendar) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda _: marks(tmp_path, calendar).caller(PLANTED), range(64)))

    assert len(set(made)) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_without_a_folder_calls_have_ids_and_callers_no_marks(tmp_path: Path, calendar: Calendar) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("in the way of a folder")
    here = marks(blocked / "keys", calendar)

    assert here.call("CA1") != here.call("CA2")
    assert here.call("CA1") == here.call("CA1")
    assert here.who(PLANTED).mark == ""


def test_a_call_that_crosses_midnight_at_the_months_end_keeps_its_id(
    tmp_path: Path, calendar: Calendar
) -> None:
    here = marks(tmp_path, calendar)
    began, name = here.month, here.call("CA1")
    calendar.at = DECEMBER

    assert here.call("CA1", began) == name
    assert here.call("CA1") != name


def test_lists_have_marks_of_their_own_that_outlast_a_month(tmp_path: Path, calendar: Calendar) -> None:
    here = marks(tmp_path, calendar)
    before = here.who(PLANTED)
    calendar.at = JANUARY
    here.keys.destroy(here.month)
    after = here.who(PLANTED)

    assert (before.opt_out, before.block) == (after.opt_out, after.block)
    assert len({before.mark, before.opt_out, before.block}) == 3


def test_the_month_before_january_is_december() -> None:
    assert month_before("2027-01") == "2026-12"
    assert month_before("2026-11") == "2026-10"


def test_a_key_that_the_worker_destroys_does_not_live_on_in_web(tmp_path: Path, calendar: Calendar) -> None:
    web, worker = marks(tmp_path, calendar), MonthKeys(tmp_path)
    planted, month = web.caller(PLANTED), web.month

    calendar.at = JANUARY
    worker.destroy(web.month)
    web.keys.refresh(web.month)

    assert web.keys.part(month, make=False) == b""
    assert web.call("CA1", month) == marks(tmp_path, calendar).call("CA1", month)
    assert planted not in web.callers(PLANTED)


def test_a_month_that_is_over_is_forgotten_although_nobody_destroys_its_file(
    tmp_path: Path, calendar: Calendar
) -> None:
    here = marks(tmp_path, calendar)
    here.caller(PLANTED)
    (file,) = tmp_path.iterdir()
    file.rename(tmp_path / "aside")

    calendar.at = JANUARY
    here.keys.refresh(here.month)
    (tmp_path / "aside").rename(file)
    kept = {half for half in vars(here.keys).values() if isinstance(half, dict) for half in half.values()}

    assert file.read_bytes() not in kept


def test_keys_that_somebody_takes_away_are_replaced_in_every_process_alike(
    tmp_path: Path, calendar: Calendar
) -> None:
    first, second = marks(tmp_path, calendar), marks(tmp_path, calendar)
    before = {first.caller(PLANTED), second.caller(PLANTED)}

    for file in tmp_path.iterdir():  # As after a theft.
        file.unlink()
    first.keys.refresh(first.month)
    after = {first.caller(PLANTED)}
    second.keys.refresh(second.month)
    after.add(second.caller(PLANTED))

    assert (len(before), len(after), before & after) == (1, 1, set())


def test_a_cookie_from_a_future_month_poisons_nothing(tmp_path: Path, calendar: Calendar) -> None:
    here = marks(tmp_path, calendar)

    here.call("CA1", month_of(DECEMBER))
    calendar.at = DECEMBER

    assert here.caller(PLANTED) != ""
    assert here.call("CA1") == marks(tmp_path, calendar).call("CA1")
