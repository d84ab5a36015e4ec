"""The page of the audit: filtered, exported, in both languages, and honest about what was changed."""

from __future__ import annotations

import ast
import csv
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT
from console import Console
from sqlalchemy import update

from ivr.records.agency_status import switch_off, switch_on
from ivr.records.audit import add_audit_entry, list_audit_entries
from ivr.records.tables import audit
from ivr.web.console.context import LANGUAGES, translations

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from console import Hands

    from ivr.flow.models import Flow


@pytest.fixture
def console(tmp_path: Path, flow: Flow) -> Console:
    made = Console(tmp_path, flow, ROOT / "prompts")
    switch_off(made.database, "chrysalis", None, "moving house", who="bea")
    switch_on(made.database, "chrysalis", who="cleo")
    add_audit_entry(made.database, "bea", "calls exported", "csv: all")
    return made


@pytest.fixture
def ada(console: Console) -> Hands:
    return console.signed_in()


def rows(export: str) -> list[dict[str, str]]:
    return list(csv.DictReader(export.splitlines()))


def test_the_audit_is_filtered_by_who_what_and_about(ada: Hands) -> None:
    by_bea = rows(ada.get("/audit/export.csv?who=bea").text)
    moved = rows(ada.get("/audit/export.csv?about=HOUSE").text)
    exports = rows(ada.get("/audit/export.csv?did=calls+exported").text)

    assert [row["did"] for row in by_bea] == ["calls exported", "agency switched off"]
    assert [row["about"] for row in moved if row["did"] != "audit exported"] == ["chrysalis: moving house"]
    assert [row["who"] for row in exports] == ["bea"]


def test_the_audit_is_filtered_by_days_of_the_line(ada: Hands) -> None:
    assert len(rows(ada.get("/audit/export.csv?since=2020-01-01").text)) >= 3
    assert rows(ada.get("/audit/export.csv?until=2020-01-01").text) == []
    assert ada.get("/audit/export.csv?since=x").status_code == 400
    assert ada.get("/audit?since=x").status_code == 200


def test_older_entries_are_offered_only_where_there_are_some(ada: Hands, console: Console) -> None:
    before = ada.get("/audit?who=bea").text
    for n in range(100):
        add_audit_entry(console.database, "bea", "calls exported", f"csv: {n}")

    after = ada.get("/audit?who=bea").text

    assert ["Older entries" in page for page in (before, after)] == [False, True]


def test_an_export_of_the_audit_stands_in_it_with_its_filter(ada: Hands, console: Console) -> None:
    ada.get("/audit/export.csv?who=bea&about=905-555-0123")

    (newest, *_) = list_audit_entries(console.database)
    assert (newest.did, newest.about) == ("audit exported", "who=bea about=[number]")


def test_a_cell_that_a_spreadsheet_would_reckon_out_is_plain(ada: Hands, console: Console) -> None:
    add_audit_entry(console.database, "bea", "tried", "=1+1")

    assert rows(ada.get("/audit/export.csv?did=tried").text)[0]["about"] == "'=1+1"


@pytest.mark.parametrize(
    ("tongue", "said", "fault"),
    [
        ("en", "Agency switched off", "Row 1 was changed"),
        ("fr", "Organisme fermé", "La ligne 1 a été changée"),
    ],
)
def test_the_page_speaks_the_operators_language_and_names_agencies(
    ada: Hands, console: Console, tongue: str, said: str, fault: str
) -> None:
    ada.post("/language", language=tongue, back="/console/audit")
    before = ada.get("/audit").text
    with console.database.write() as sql:
        sql.execute(update(audit).where(audit.c.n == 1).values(about="chrysalis: nothing"))
    after = ada.get("/audit").text

    assert f">{said}</td>" in before
    assert "chrysalis: moving" not in before  # Its name, not its slug.
    assert "moving house" in before
    assert fault not in before
    assert fault in after


def deeds() -> Iterator[str]:
    """Find every deed that our code writes into the audit: strings, and names of strings of the module."""
    for path in (ROOT / "ivr").rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        named = {
            target.id: value.value
            for each in tree.body
            if isinstance(each, ast.Assign)
            for target, value in _pairs(each)
            if isinstance(target, ast.Name) and isinstance(value, ast.Constant)
        }
        for call in (each for each in ast.walk(tree) if isinstance(each, ast.Call)):
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            if name in {"write_audit_entry", "add_audit_entry"} and len(call.args) > 2:
                did = call.args[2]
                value = did.value if isinstance(did, ast.Constant) else named.get(getattr(did, "id", ""))
                if isinstance(value, str):
                    yield value


def _pairs(assign: ast.Assign) -> Iterator[tuple[ast.expr, ast.expr]]:
    (target,), value = assign.targets[:1], assign.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        yield from zip(target.elts, value.elts, strict=True)
    else:
        yield target, value


def test_everything_that_is_ever_done_has_words_in_both_languages() -> None:
    keys = {"did_" + did.replace(" ", "_").replace("-", "_") for did in deeds()}

    assert len(keys) > 20
    for language in LANGUAGES:
        assert keys - set(translations(language)) == set()


def test_no_sentence_of_the_console_is_called_as_a_method_of_its_dictionary() -> None:
    assert [name for each in LANGUAGES for name in translations(each) if hasattr({}, name)] == []
