"""Phrases on the console: read, tried without a trace, drafted, measured, published by two, taken back."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT
from console import Console
from markupsafe import escape
from small_phrases import small_phrases
from sqlalchemy import select

from ivr.flow.models import PublishingRules
from ivr.records.audit import list_audit_entries
from ivr.records.operators import Role
from ivr.records.phrase_versions import (
    DRAFT,
    State,
    claim_version,
    list_added,
    list_phrase_versions,
    publish_version,
    refuse_version,
    version_in_force,
)
from ivr.records.tables import metadata
from ivr.understanding.classifier import letters_alone
from ivr.understanding.weights_in_force import FILES, basis_of
from ivr.web.console.phrases import PhraseFiles

if TYPE_CHECKING:
    from pathlib import Path

    from console import Hands

    from ivr.flow.models import Flow

COUCH = "any couch going for a woman and two toddlers"
TRIED = "my cousin zebulon says i could sleep at some shelter"
FIGURES = {"texts": 90, "useful": 61, "sure_and_wrong": 4}
OUTCOME = {"new": FIGURES, "now": FIGURES | {"useful": 60}, "files": FIGURES | {"useful": 59}}
TRIAL = {"changes": [["locked out with my kids", "lost", "sure shelter"]], "worse": []}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> PhraseFiles:
    folder = small_phrases(tmp_path_factory.mktemp("phrases") / "phrases")
    return PhraseFiles(folder, letters_alone(folder).classify)


@pytest.fixture
def console(tmp_path: Path, small_flow: Flow, files: PhraseFiles) -> Console:
    return Console(tmp_path, small_flow, ROOT / "prompts", phrases=files)


@pytest.fixture
def strict(tmp_path: Path, small_flow: Flow, files: PhraseFiles) -> Console:
    """Give a console of a line that asks for a second approver."""
    line = replace(small_flow.line, publishing=PublishingRules(second_approver=True))
    return Console(tmp_path, replace(small_flow, line=line), ROOT / "prompts", phrases=files)


def drafted(console: Console) -> list[str]:
    return [each.text for each in list_added(console.database, DRAFT)]


def draft(hands: Hands, text: str = COUCH) -> None:
    assert hands.post("/phrases/en/shelter", text=text).status_code == 303


def stored(console: Console) -> str:
    with console.database.read() as sql:
        return repr([sql.execute(select(table)).all() for table in metadata.sorted_tables])


def test_phrases_are_counted_by_meaning_and_language_and_each_count_leads_to_them(console: Console) -> None:
    viewer = console.signed_in("vic", Role.VIEWER)

    listed, page = viewer.get("/phrases").text, viewer.get("/phrases/fr/shelter")

    assert 'href="/console/phrases/en/shelter"' in listed
    assert listed.count("</span>8</a>") == 14
    assert page.status_code == 200
    assert "In the files (8)" in page.text
    assert viewer.get("/phrases/fr/nothing").status_code == 404
    assert "<textarea" not in listed + page.text


def test_a_tried_text_is_read_as_a_texter_s_and_leaves_no_trace(
    console: Console, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    hands = console.signed_in()

    shown = hands.post("/phrases/try", text=TRIED)
    danger = hands.post("/phrases/try", text="he is hitting me").text

    assert shown.status_code == 200
    assert "What would be made of it" in shown.text
    assert "letters" in shown.text
    assert "danger</span> <strong>Violence</strong>" in danger
    assert "zebulon" not in stored(console) + caplog.text
    assert "zebulon" not in hands.get("/phrases").text
    assert hands.get("/phrases/try?text=zebulon").status_code in {404, 405}


def test_without_its_classifier_a_text_is_read_by_rules_and_the_page_says_so(
    tmp_path: Path, small_flow: Flow, files: PhraseFiles
) -> None:
    alone = Console(tmp_path, small_flow, ROOT / "prompts", phrases=PhraseFiles(files.folder))

    assert "read by rules and keywords alone" in alone.signed_in().post("/phrases/try", text=TRIED).text


def test_phrases_are_drafted_shown_and_taken_out_one_by_one(console: Console) -> None:
    hands = console.signed_in("olu", Role.OPERATOR)

    draft(hands, f"{COUCH}\n\n  locked out for good tonight\r\n")
    listed, page = hands.get("/phrases").text, hands.get("/phrases/en/shelter").text
    hands.post("/phrases/drop", text=COUCH, tongue="en", name="shelter")

    assert "<strong>+2</strong>" in listed
    assert page.count("> draft</span>") == 2
    assert drafted(console) == ["locked out for good tonight"]
    assert "Publish the draft" not in listed


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("call my mom at 905-546-4904 for a bed", "telephone number"),
        ("text me nine oh five five four six four nine oh four", "telephone number"),
        ("nowhere to sleep now", "is too much like"),
        (" \n ", "write at least one phrase"),
    ],
)
def test_a_phrase_with_a_fault_is_given_back_with_it_and_none_is_drafted(
    console: Console, text: str, fault: str
) -> None:
    hands, beside = console.signed_in(), f"{COUCH}\n{text}" if text.strip() else text

    shown = hands.post("/phrases/en/shelter", text=beside)

    assert shown.status_code == 400
    assert fault in shown.text
    assert str(escape(text.strip())) in shown.text
    assert drafted(console) == []


def test_the_draft_is_measured_by_a_worker_and_its_figures_are_shown(console: Console) -> None:
    hands = console.signed_in("olu", Role.OPERATOR)
    draft(hands)

    hands.post("/phrases/check")
    waits, live = hands.get("/phrases").text, hands.get("/phrases/_versions").text
    [version] = list_phrase_versions(console.database)
    assert claim_version(console.database, console.at) == version.version
    refuse_version(console.database, version.version, State.TRIED, json.dumps(OUTCOME | TRIAL))
    done = hands.get("/phrases").text

    assert version.trial
    assert 'data-live="/console/phrases/_versions"' in waits
    assert "waits for a worker" in live
    assert "<strong>61</strong>" in done
    assert "It would be published" in done
    assert "<ins>sure shelter</ins>" in done
    assert "data-live" not in done
    assert drafted(console) == [COUCH]


def test_phrases_are_published_by_whoever_did_not_write_them_and_taken_back(
    strict: Console, files: PhraseFiles
) -> None:
    ada, bea = strict.signed_in(), strict.signed_in("bea")
    draft(ada)
    assert "Publish the draft" not in ada.get("/phrases").text
    ada.post("/phrases/publish")
    told, refused = ada.get("/phrases").text, list_phrase_versions(strict.database)

    bea.post("/phrases/publish")
    version = claim_version(strict.database, strict.at)
    assert version
    publish_version(
        strict.database, version, basis_of(files.folder), json.dumps(OUTCOME | TRIAL), {"w": b"1"}
    )
    in_force = bea.get("/phrases").text
    published = bea.get("/phrases/en/shelter").text
    bea.post("/phrases/back")

    assert "Not published: you wrote it yourself" in told
    assert refused == []
    assert "Version 1 reads texts now." in in_force
    assert "published here" in published
    assert version_in_force(strict.database) == FILES
    assert [(d.who, d.did) for d in reversed(list_audit_entries(strict.database))][-5:] == [
        ("ada", "phrases drafted"),
        ("ada", "own work not published"),
        ("bea", "phrases to be learned"),
        ("bea", "phrases published"),
        ("bea", "phrases taken back"),
    ]


def test_only_the_draft_that_was_looked_at_is_published(console: Console) -> None:
    ada, olu = console.signed_in(), console.signed_in("olu", Role.OPERATOR)
    draft(olu)
    mark = ada.get("/phrases").text.partition('name="mark" value="')[2].partition('"')[0]
    draft(olu, "locked out for good tonight")

    ada.post("/phrases/publish", mark=mark)

    assert "the draft was changed since you looked at it" in ada.get("/phrases").text
    assert list_phrase_versions(console.database) == []


@pytest.mark.parametrize("deed", ["publish", "back", "drop"])
def test_what_cannot_simply_be_undone_is_asked_about_once_more(console: Console, deed: str) -> None:
    hands = console.signed_in()
    draft(hands)

    asked = hands.post(f"/phrases/{deed}", confirmed="")

    assert "Are you sure?" in asked.text
    assert drafted(console) == [COUCH]
    assert list_phrase_versions(console.database) == []
