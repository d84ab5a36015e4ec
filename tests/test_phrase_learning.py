"""Phrases that operators add: learned, in force where they are not worse, and taken back."""

from __future__ import annotations

import json
import shutil
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from small_phrases import small_phrases

from ivr.records.audit import list_audit_entries
from ivr.records.operators import SecondApproverNeeded
from ivr.records.phrase_versions import (
    DRAFT,
    LEASE,
    DraftChanged,
    State,
    ask_to_learn,
    claim_version,
    draft_mark,
    drop_draft,
    drop_phrase,
    go_on_learning,
    list_added,
    list_draft,
    list_phrase_versions,
    publish_version,
    read_weights,
    refuse_version,
    save_draft,
    take_phrases_back,
    version_in_force,
)
from ivr.records.snapshot import SnapshotHolder
from ivr.understanding.classifier import ClassifierInForce, classifier_of
from ivr.understanding.evaluation import CheckFigures, check, count_checked, read_labels
from ivr.understanding.phrases import Phrase, read_phrases
from ivr.understanding.training import EncodedTexts, compare, learn, still_to_learn
from ivr.understanding.understand import read_rules
from ivr.understanding.weights_in_force import (
    FILES,
    MOST_KEPT,
    PublishedWeights,
    WeightsOfHost,
    basis_of,
    folder_in_force,
    keep_weights,
    put_in_force,
)
from ivr.work.phrase_learning import PhraseLearning

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ivr.records.database import Database
    from ivr.understanding.encoders import Vectors

pytest_plugins = ("postgres",)

COUCH = Phrase("any couch going for a woman and two toddlers", "en", "shelter")
TENT = Phrase("on dort sous une tente depuis lundi", "fr", "shelter")
FIGURES = CheckFigures(100, 60, 5, 20, 16, 2)
LEARNS = """
import json, pathlib, sys
to = pathlib.Path(sys.argv[4])
added = json.loads((to / "added.json").read_text())
(to / "weights-letters.npz").write_bytes(repr([each["text"] for each in added]).encode())
(to / "outcome.json").write_text(json.dumps({"new": {"useful": 7}, "worse": WORSE}))
"""  # A program that learns by heart.


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a small folder of phrases that letters alone have learned."""
    return small_phrases(tmp_path_factory.mktemp("phrases") / "phrases")


def learning(database: Database, files: Path, program: str, seconds: float = 60) -> PhraseLearning:
    command = (sys.executable, "-c", program)
    return PhraseLearning(database, files, files.parent / "weights", time.time, command, seconds)


def publish(database: Database, files: Path, *phrases: Phrase, worse: Sequence[str] = ()) -> State:
    save_draft(database, phrases, who="ada")
    assert ask_to_learn(database, who="ada", second_approver=False)
    learns = learning(database, files, LEARNS.replace("WORSE", json.dumps(list(worse))))
    learns.run_due()
    learns.finish()
    return list_phrase_versions(database)[0].state


def test_a_draft_is_kept_until_it_is_dropped(database: Database) -> None:
    save_draft(database, [COUCH, TENT, COUCH], who="ada")
    assert list_added(database, DRAFT) == (COUCH, TENT)

    assert drop_draft(database, who="ada") == 2

    assert list_added(database, DRAFT) == ()
    assert [each.did for each in list_audit_entries(database)] == ["phrases dropped", "phrases drafted"]


def test_what_is_published_is_in_force_with_what_was_before(database: Database, learned: Path) -> None:
    assert publish(database, learned, COUCH) is State.PUBLISHED
    assert publish(database, learned, TENT) is State.PUBLISHED

    weights = read_weights(database, 2)
    assert version_in_force(database) == 2
    assert list_added(database, 2) == (COUCH, TENT)
    assert list_added(database, DRAFT) == ()
    assert weights == PublishedWeights(
        2, basis_of(learned), {"weights-letters.npz": repr([COUCH.text, TENT.text]).encode()}
    )


def test_what_is_worse_is_refused_with_its_figures_and_stays_a_draft(
    database: Database, learned: Path
) -> None:
    publish(database, learned, COUCH)

    state = publish(database, learned, TENT, worse=["useful: 6, not 7 (in force)"])

    newest = list_phrase_versions(database)[0]
    assert state is State.REFUSED
    assert json.loads(newest.outcome) == {"new": {"useful": 7}, "worse": ["useful: 6, not 7 (in force)"]}
    assert version_in_force(database) == 1
    assert read_weights(database, 2) is None
    assert list_added(database, DRAFT) == (TENT,)


def test_what_cannot_be_learned_says_why_and_changes_nothing(database: Database, learned: Path) -> None:
    save_draft(database, [COUCH], who="ada")
    ask_to_learn(database, who="ada", second_approver=False)
    learns = learning(database, learned, "raise SystemExit('no room on the disk')")

    learns.run_due()
    learns.finish()

    [version] = list_phrase_versions(database)
    assert version.state is State.FAILED
    assert json.loads(version.outcome) == {"failed": "no room on the disk"}
    assert version_in_force(database) == FILES
    assert list_added(database, DRAFT) == (COUCH,)


def test_going_back_is_one_step_at_a_time_down_to_the_files(database: Database, learned: Path) -> None:
    publish(database, learned, COUCH)
    publish(database, learned, TENT, worse=["anything"])
    publish(database, learned)

    assert take_phrases_back(database, who="ada") == 1
    assert take_phrases_back(database, who="ada") == FILES
    assert take_phrases_back(database, who="ada") is None

    assert version_in_force(database) == FILES
    assert read_weights(database, 3) is not None  # The way forward is kept too.


def test_one_version_is_learned_at_a_time_and_by_one_worker(database: Database) -> None:
    first = ask_to_learn(database, who="ada", second_approver=False)

    assert ask_to_learn(database, who="olu", second_approver=False) is None
    assert claim_version(database, 1000) == first
    assert claim_version(database, 1000) is None


def test_what_a_dead_worker_learned_is_learned_by_another(database: Database) -> None:
    version = ask_to_learn(database, who="ada", second_approver=False)
    claim_version(database, 1000)
    assert version is not None

    go_on_learning(database, version, 1050)

    assert claim_version(database, 1000 + LEASE + 1) is None
    assert claim_version(database, 1050 + LEASE + 1) == version


def test_a_worker_that_comes_too_late_publishes_nothing(database: Database) -> None:
    version = ask_to_learn(database, who="ada", second_approver=False)
    claim_version(database, 1000)
    assert version is not None
    refuse_version(database, version, State.REFUSED, "{}")

    assert not publish_version(database, version, "basis", "{}", {"weights-letters.npz": b"late"})

    assert version_in_force(database) == FILES


def test_a_worker_shows_that_it_learns_for_as_long_as_it_does(database: Database, learned: Path) -> None:
    save_draft(database, [COUCH], who="ada")
    ask_to_learn(database, who="ada", second_approver=False)
    program = "import select, sys; select.select([sys.stdin], [], [], 0.5)" + LEARNS.replace("WORSE", "[]")
    asked: list[float] = []
    learns = replace(
        learning(database, learned, program, 0.05), now=lambda: asked.append(1000.0) or asked[-1]
    )

    learns.run_due()
    learns.finish()

    assert len(asked) > 1  # Once to claim it, and for each sign.
    assert list_phrase_versions(database)[0].state is State.PUBLISHED


def test_every_process_follows_what_is_in_force(database: Database, learned: Path, tmp_path: Path) -> None:
    snapshots = SnapshotHolder(database, tmp_path, time.time)
    follows = WeightsOfHost(
        tmp_path / "weights",
        lambda: snapshots.current.weights,
        lambda version: read_weights(database, version),
    )
    published = tmp_path / "weights"
    follows.refresh()

    publish(database, learned, COUCH)
    snapshots.refresh()
    assert follows.refresh()
    folder = folder_in_force(published, basis_of(learned))
    assert folder
    assert (folder / "weights-letters.npz").read_bytes() == repr([COUCH.text]).encode()
    assert not follows.refresh()

    take_phrases_back(database, who="ada")
    snapshots.refresh()
    assert follows.refresh()
    assert folder_in_force(published, basis_of(learned)) is None
    assert SnapshotHolder(database, tmp_path, time.time).current.weights == FILES  # Also without SQL.


def test_weights_learned_over_other_files_do_not_count(tmp_path: Path) -> None:
    keep_weights(tmp_path, PublishedWeights(1, "of then", {}))
    put_in_force(tmp_path, 1)

    assert folder_in_force(tmp_path, "of then") == tmp_path / "1"
    assert folder_in_force(tmp_path, "of now") is None


def test_the_newest_weights_and_those_in_force_stay_on_a_host(tmp_path: Path) -> None:
    for version in range(1, 7):
        keep_weights(tmp_path, PublishedWeights(version, "b", {"weights-x.npz": b"x"}))

    put_in_force(tmp_path, 2)

    kept = sorted(int(each.name) for each in tmp_path.iterdir() if each.name.isdecimal())
    assert kept == [2, *range(7 - MOST_KEPT, 7)]


def test_a_host_whose_disk_refuses_tries_again(tmp_path: Path) -> None:
    blocked = tmp_path / "weights"
    blocked.write_text("a file stands where the folder belongs", "utf-8")
    follows = WeightsOfHost(blocked, lambda: 1, lambda _: PublishedWeights(1, "b", {}))

    assert not follows.refresh()
    blocked.unlink()

    assert follows.refresh()
    assert folder_in_force(blocked, "b") == blocked / "1"


def test_the_classifier_takes_up_new_weights_between_two_texts_and_goes_back(
    learned: Path, tmp_path: Path
) -> None:
    basis, new = basis_of(learned), tmp_path / "new"
    new.mkdir()
    learn(learned, [COUCH], None, new)
    files = {file.name: file.read_bytes() for file in new.glob("*.npz")}
    keep_weights(tmp_path, PublishedWeights(1, basis, files))
    keep_weights(tmp_path, PublishedWeights(2, basis, {"weights-letters.npz": b"spoilt"}))
    reader = ClassifierInForce(learned, tmp_path, None)
    before = reader.classify(COUCH.text).names["shelter"]

    put_in_force(tmp_path, 1)
    taught = reader.classify(COUCH.text).names["shelter"]
    put_in_force(tmp_path, 2)
    spoilt = reader.classify(COUCH.text).names["shelter"]
    put_in_force(tmp_path, FILES)

    assert taught > before + 0.2
    assert spoilt == before
    assert reader.classify(COUCH.text).names["shelter"] == before


def test_what_is_learned_reads_its_phrases_and_the_check_set_tells(learned: Path, tmp_path: Path) -> None:
    files = classifier_of(None, learned)
    new = learn(learned, [COUCH, TENT], None, tmp_path)

    outcome = compare(learned, new, files, files)

    labels = read_labels(learned, read_rules(learned).intents)
    checked = count_checked(check(read_rules(learned), labels, new.classify))
    assert outcome.new == checked
    assert outcome.now == outcome.files
    assert outcome.new.texts == len(labels) > 50
    assert all(before != after for _, before, after in outcome.changes)


def test_without_added_phrases_the_same_is_learned_as_in_the_files(learned: Path, tmp_path: Path) -> None:
    learn(learned, [], None, tmp_path)

    files = (learned / "weights-letters.npz").read_bytes()
    assert (tmp_path / "weights-letters.npz").read_bytes() == files


def test_weights_that_learned_nonsense_are_worse(learned: Path, tmp_path: Path) -> None:
    files = classifier_of(None, learned)
    taken = [each for each in read_phrases(learned) if each.name == "shelter"]
    nonsense = [Phrase(f"{each.text} {n}", each.language, "law") for each in taken for n in range(3)]

    outcome = compare(learned, learn(learned, nonsense, None, tmp_path), files, files)

    assert [fault for fault in outcome.worse if fault.startswith("useful")]
    assert [fault for fault in outcome.worse if "in force" in fault]
    assert [fault for fault in outcome.worse if "the files" in fault]


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"useful": 59}, "useful: 59, not 60"),
        ({"sure_and_wrong": 6}, "sure and wrong: 6, not 5"),
        ({"danger_found": 15}, "danger found: 15, not 16"),
        ({"false_alarms": 3}, "false alarms: 3, not 2"),
    ],
)
def test_any_figure_that_is_worse_is_named(changed: dict[str, int], fault: str) -> None:
    assert replace(FIGURES, **changed).faults_beside(FIGURES) == (fault,)
    assert FIGURES.faults_beside(replace(FIGURES, **changed)) == ()


def test_what_the_files_hold_by_now_is_not_learned_twice(learned: Path) -> None:
    theirs = next(each for each in read_phrases(learned) if each.name == "law")
    gone = Phrase("whatever", "en", "a-name-of-before")

    kept = still_to_learn(learned, [COUCH, replace(theirs, text=theirs.text.upper()), gone])

    assert kept == (COUCH,)


class Counting:
    """An encoder that counts what it was asked for."""

    name, width = "counting", 2

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        return np.array([[len(text), 1] for text in texts], np.float32).reshape(-1, 2)


def test_a_text_is_encoded_once_also_by_the_next_process(tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    EncodedTexts(first, tmp_path / "encoded.npz").encode(["one", "three", "one"])

    rows = EncodedTexts(second, tmp_path / "encoded.npz").encode(["three", "fifty", "one"])

    assert first.asked == ["one", "three"]
    assert second.asked == ["fifty"]
    assert rows.tolist() == [[5, 1], [5, 1], [3, 1]]


def test_a_spoilt_file_of_encoded_texts_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "encoded.npz").write_bytes(b"spoilt")
    encoder = Counting()

    rows = EncodedTexts(encoder, tmp_path / "encoded.npz").encode(["one"])

    assert rows.tolist() == [[3, 1]]
    assert EncodedTexts(Counting(), tmp_path / "encoded.npz").encode(["one"]).tolist() == [[3, 1]]
    shutil.rmtree(tmp_path)


def test_a_trial_is_measured_and_never_in_force(database: Database, learned: Path) -> None:
    save_draft(database, [COUCH], who="ada")
    ask_to_learn(database, who="ada", second_approver=True, trial=True)
    learns = learning(database, learned, LEARNS.replace("WORSE", "[]"))

    learns.run_due()
    learns.finish()

    [version] = list_phrase_versions(database)
    assert (version.state, version.trial) == (State.TRIED, True)
    assert json.loads(version.outcome) == {"new": {"useful": 7}, "worse": []}
    assert version_in_force(database) == FILES
    assert read_weights(database, 1) is None
    assert list_added(database, DRAFT) == (COUCH,)
    assert [each.did for each in list_audit_entries(database)][:2] == ["phrases tried", "phrases to be tried"]


def test_the_store_itself_refuses_whoever_publishes_phrases_of_their_own(database: Database) -> None:
    save_draft(database, [COUCH], who="olu")
    save_draft(database, [TENT], who="ada")

    for who in ("olu", "ada"):
        with pytest.raises(SecondApproverNeeded):
            ask_to_learn(database, who=who, second_approver=True)

    assert list_phrase_versions(database) == []
    assert ask_to_learn(database, who="bea", second_approver=True) == 1
    assert [(each.who, each.did, each.about) for each in list_audit_entries(database)][:2] == [
        ("bea", "phrases to be learned", "version 1, written by ada, olu"),
        ("ada", "own work not published", "phrases, version 1"),
    ]


def test_a_draft_that_was_changed_since_it_was_looked_at_is_not_published(database: Database) -> None:
    save_draft(database, [COUCH], who="olu")
    mark = draft_mark([each.phrase for each in list_draft(database)])
    save_draft(database, [TENT], who="olu")

    with pytest.raises(DraftChanged):
        ask_to_learn(database, who="ada", second_approver=False, mark=mark)

    assert drop_phrase(database, TENT, who="olu")
    assert not drop_phrase(database, TENT, who="olu")
    assert ask_to_learn(database, who="ada", second_approver=False, mark=mark) == 1
