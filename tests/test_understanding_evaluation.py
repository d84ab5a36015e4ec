"""Figures of understanding, and the check of the phrases that it is learned from."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ivr.checks.phrases import (
    alike,
    kept_phrase_faults,
    learned_and_checked,
    phrase_faults,
    stops_without_intent,
    too_few,
    unknown_names,
)
from ivr.understanding.classifier import (
    Head,
    Weights,
    fit_classes,
    learn_neighbours,
    read_weights,
    softmax,
    write_weights,
)
from ivr.understanding.encoders import Letters
from ivr.understanding.evaluation import (
    Labelled,
    is_offered,
    is_sure_and_wrong,
    is_useful,
    measure,
    read_labelled,
    wilson,
)
from ivr.understanding.intents import IntentTable, Likely, read_intents
from ivr.understanding.phrases import Phrase, read_check_set, read_phrases
from ivr.understanding.training import TrainingSet, fit, prepare
from ivr.understanding.understand import Understanding

if TYPE_CHECKING:
    from ivr.flow.models import Flow

PHRASES = Path("phrases")
MENU = Labelled("hi", "en", "", False, "", ("main",))
BED = Labelled("a bed tonight", "en", "", False, "", ("shelter", "services"))
KNIFE = Labelled("he has a knife", "en", "violence", False, "", ())


def _sure(stop: str) -> Understanding:
    return Understanding("en", intents=(Likely(stop, 0.9),), answer="sure")


def _choices(*stops: str) -> Understanding:
    return Understanding(
        "en", intents=tuple(Likely(stop, 0.3) for stop in stops), answer="choices", safety=True
    )


@pytest.mark.parametrize(
    ("text", "found", "useful", "offered", "wrong"),
    [
        (BED, _sure("services"), True, True, False),
        (BED, _sure("crisis"), False, False, True),
        (BED, _choices("shelter", "crisis"), True, True, False),
        (BED, _choices("crisis", "shelter"), False, True, False),
        (BED, Understanding("en", answer="lost"), False, False, False),
        (MENU, Understanding("en", answer="lost"), True, True, False),
        (MENU, _choices("about"), False, False, False),
        (KNIFE, Understanding("en", "violence", 0.9, safety=True, answer="danger"), True, True, False),
        (KNIFE, _choices("shelter"), False, False, False),
        (KNIFE, _sure("shelter"), False, False, True),
        (BED, Understanding("en", "held", 0.9, safety=True, answer="danger"), False, False, True),
    ],
)
def test_an_answer_is_useful_offered_or_wrong(
    text: Labelled,
    found: Understanding,
    useful: bool,  # noqa: FBT001
    offered: bool,  # noqa: FBT001
    wrong: bool,  # noqa: FBT001
) -> None:
    measured = (is_useful(text, found), is_offered(text, found), is_sure_and_wrong(text, found))

    assert measured == (useful, offered, wrong)


def test_the_second_net_counts_for_danger_but_not_as_first() -> None:
    figures = {figure.name: figure.share for figure in measure((KNIFE, BED), lambda _: _choices("shelter"))}

    assert figures["danger: 911 first, either net"] == 1.0
    assert figures["danger: by the first net"] == 0.0
    assert figures["second net, of all others"] == 1.0


def test_wilsons_interval_is_that_of_the_textbook() -> None:
    assert [round(each, 3) for each in wilson(8, 10)] == [0.490, 0.943]
    assert wilson(0, 0) == (0.0, 1.0)


def test_templates_and_near_duplicates_are_refused() -> None:
    twice = (
        Phrase("i need a bed tonight", "en", "shelter"),
        Phrase("i need a room tonight", "en", "shelter"),
    )
    apart = (
        Phrase("i need a bed tonight", "en", "shelter"),
        Phrase("kicked out in the snow", "en", "shelter"),
    )

    assert len(list(alike(twice))) == 1
    assert list(alike(apart)) == []


def test_what_was_found_in_phrases_is_kept_until_anything_changes(flow: Flow, tmp_path: Path) -> None:
    folder, kept = tmp_path / "phrases", tmp_path / "kept" / "found.json"
    (folder / "en").mkdir(parents=True)
    true = tuple(phrase_faults(flow, folder))

    first = kept_phrase_faults(flow, folder, kept)
    kept.write_text(kept.read_text("utf-8").replace(true[0].place, "kept"), "utf-8")
    again = kept_phrase_faults(flow, folder, kept)
    (folder / "en" / "danger.toml").write_text("[groups]\n", "utf-8")
    changed = kept_phrase_faults(flow, folder, kept)
    kept.write_text('{"mark": 1}', "utf-8")
    broken = kept_phrase_faults(flow, folder, kept)

    assert first == changed == broken == true
    assert [fault.place for fault in again] == ["kept"]
    assert kept_phrase_faults(flow, folder, folder / "en" / "danger.toml" / "kept.json") == true


def test_a_phrase_of_the_check_set_is_never_learned_from() -> None:
    phrase = Phrase("where can i sleep", "en", "shelter")

    assert len(list(learned_and_checked((phrase,), (phrase,)))) == 1
    assert list(learned_and_checked(read_phrases(PHRASES), read_check_set(PHRASES))) == []


def test_every_stop_has_an_intent_or_says_why_not() -> None:
    flow: Any = SimpleNamespace(stops={"shelter": None, "new": None})
    table = IntentTable({"shelter": "shelter", "gone": "lost-stop"}, {"old": "was removed"})

    faults = [str(fault) for fault in stops_without_intent(flow, table)]

    assert len(faults) == 3
    assert any("'new'" in fault for fault in faults)


def test_an_intent_needs_sixty_phrases_in_each_language() -> None:
    table = IntentTable({"shelter": "shelter"}, {})

    faults = [str(fault) for fault in too_few(table, (Phrase("a bed", "en", "shelter"),))]

    assert len(faults) == 6
    assert any("en/shelter.txt: its phrases: are 1; write 60" in fault for fault in faults)


def test_a_file_that_is_no_intent_is_named() -> None:
    assert len(list(unknown_names(IntentTable({}, {}), (Phrase("x", "en", "sheltr"),)))) == 1


def test_letters_forgive_slips_and_know_no_others() -> None:
    near, slip, far = Letters().encode(
        ["where can i sleep tonight", "were can i slep tonite", "lawyer for court"]
    )

    assert near @ slip > 2 * (near @ far)


def test_heads_tell_apart_what_can_be_told_apart() -> None:
    chance = np.random.default_rng(1)
    labels = chance.integers(0, 3, 300)
    rows = (np.eye(3)[labels] + chance.normal(0, 0.2, (300, 3))).astype(np.float32)

    head = fit_classes(rows, labels, np.ones(300), 1e-4, 3)

    assert (softmax(head.scores(rows)).argmax(axis=1) == labels).mean() > 0.95


def test_near_phrases_tell_apart_what_no_straight_line_can() -> None:
    chance = np.random.default_rng(1)
    corners = chance.choice([-1.0, 1.0], (400, 2))
    labels = (corners.prod(axis=1) > 0).astype(np.int64)
    rows = (corners + chance.normal(0, 0.2, (400, 2))).astype(np.float32)
    learned, asked = slice(0, 300), slice(300, 400)

    near = learn_neighbours(rows[learned], labels[learned], np.ones(300))
    head = fit_classes(rows[learned], labels[learned], np.ones(300), 1e-4, 2)

    assert (near.scores(rows[asked], 2).argmax(axis=1) == labels[asked]).mean() > 0.95
    assert (head.scores(rows[asked]).argmax(axis=1) == labels[asked]).mean() < 0.7


def test_the_same_letters_mean_something_else_in_another_language(tmp_path: Path) -> None:
    said = {("en", "gift"): 0, ("en", "rock"): 1, ("de", "gift"): 1, ("de", "rock"): 0}
    around = {"en": ("the", "with", "this", "that"), "de": ("der", "mit", "dies", "und")}
    texts = [
        (language, f"{before} {word} {after}", label)
        for (language, word), label in said.items()
        for before in around[language]
        for after in around[language]
    ]
    known = TrainingSet(
        phrases=(),
        names=("present", "poison"),
        labels=np.array([label for _, _, label in texts]),
        languages=np.array([language for language, _, _ in texts]),
        danger=np.array([label == 1 for _, _, label in texts]),
        sounds=np.zeros(len(texts), np.bool_),
        rows=None,
        runs=Letters().encode([text for _, text, _ in texts]),
        topics=np.full(len(texts), -1),
        points=np.zeros((len(texts), 2), np.float32),
    )

    (letters,) = fit(known, None, np.arange(len(texts)))
    read = read_weights(write_weights(tmp_path, letters))

    asked = Letters().encode(["with rock", "dies rock", "this gift", "und gift"])
    assert read.name_scores(asked).argmax(axis=1).tolist() == [1, 0, 0, 1]
    assert (read.danger_scores(asked) > 0).tolist() == [True, False, False, True]


def test_weights_are_read_as_they_were_written(tmp_path: Path) -> None:
    chance = np.random.default_rng(2)
    rows = chance.normal(0, 1, (90, 6)).astype(np.float32)
    labels = chance.integers(0, 3, 90)
    head = Head(np.eye(3, 6, dtype=np.float32), np.zeros(3, np.float32))
    near = learn_neighbours(rows, labels, np.ones(90))
    weights = Weights("pretend", ("a", "b", "c"), head, head, near)

    read = read_weights(write_weights(tmp_path, weights))

    assert np.allclose(read.name_scores(rows), weights.name_scores(rows), atol=0.05)
    assert not np.allclose(read.name_scores(rows), head.scores(rows), atol=0.05)


def test_the_same_phrases_give_the_same_bytes(tmp_path: Path) -> None:
    folder = _small_folder(tmp_path)
    first, second = (prepare(folder, None) for _ in range(2))
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()

    one, two = (
        write_weights(tmp_path / place, fit(known, None, np.arange(len(known.phrases)))[0])
        for place, known in (("one", first), ("two", second))
    )

    assert one.read_bytes() == two.read_bytes()
    assert read_weights(one).names == ("danger-held", "off-topic", "shelter")


def test_the_weights_know_the_intents_of_the_table() -> None:
    names = set(read_weights(PHRASES / "weights-letters.npz").names)

    assert set(read_intents(PHRASES / "intents.toml").stops) <= names


def _small_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "phrases"
    for file in ("danger.toml", "wishes.toml"):
        (folder / "en").mkdir(parents=True, exist_ok=True)
        (folder / "en" / file).write_bytes((PHRASES / "en" / file).read_bytes())
    for file in ("intents.toml", "languages.toml", "thresholds.toml"):
        (folder / file).write_bytes((PHRASES / file).read_bytes())
    for name in ("shelter", "off-topic", "danger-held"):
        (folder / "en" / f"{name}.txt").write_bytes((PHRASES / "en" / f"{name}.txt").read_bytes())
    return folder


def test_a_label_that_names_an_intent_means_the_stop_that_answers_it_now(tmp_path: Path) -> None:
    file = tmp_path / "texts.tsv"
    file.write_text("text\tlanguage\tdanger\tsounds\twish\tstops\nfood\ten\t-\t-\t-\tservices,money\n")

    (moved,) = read_labelled(file, {"services": "more", "money": "money"})
    (stayed,) = read_labelled(file)

    assert moved.stops == ("services", "money", "more")
    assert stayed.stops == ("services", "money")
