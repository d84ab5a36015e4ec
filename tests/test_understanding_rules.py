"""What the rules alone make of texts: no classifier, as where its process is gone."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sizes import examples

from ivr.understanding.danger import RulesError, read_danger, read_danger_rules
from ivr.understanding.intents import Meaning
from ivr.understanding.languages import detect_language, language_by_phrases, read_language_words
from ivr.understanding.text_cleaning import LONGEST, clean, edged, fold, is_plain, sentences
from ivr.understanding.thresholds import ThresholdTable
from ivr.understanding.understand import Context, Keywords, Rules, read_rules, understand
from ivr.understanding.wishes import read_answer, read_wish, read_wish_rules

PHRASES = Path("phrases")
KEYWORDS = Keywords.of(
    {
        "leave": ["exit"],
        "stop": ["stop", "arret"],
        "start": ["start", "yes"],
        "erase": ["delete"],
        "help": ["help"],
    },
    {"en": ["english"], "fr": ["francais"]},
    {"en": {"main": ["menu"], "shelter": ["shelter"]}, "fr": {"shelter": ["refuge"]}},
)
HERE = Context(("en", "fr"), keywords=KEYWORDS)


@lru_cache
def rules() -> Rules:
    return read_rules(PHRASES)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("stop him he's hitting me", "violence"),
        ("he has a knife to my throat", "violence"),
        ("il me frappe en ce moment", "violence"),
        ("il va me tuer", "violence"),
        ("they locked me in the basement", "held"),
        ("je suis enfermée je peux pas sortir", "held"),
        ("i want to kill myself", "suicide"),
        ("je veux mourir", "suicide"),
        ("she took too many pills and wont wake up", "overdose"),
        ("il respire plus", "medical"),
        ("is she gonna die", "medical"),
    ],
)
def test_danger_in_plain_words_is_seen_without_the_classifier(text: str, kind: str) -> None:
    found = understand(rules(), text, HERE, None)

    assert (found.answer, found.safety) == ("danger", True)
    assert (
        found.danger in (kind, "medical", "overdose")
        if kind in ("overdose", "medical")
        else found.danger == kind
    )


@pytest.mark.parametrize(
    "text",
    [
        "he is not hitting me",
        "il me frappe pas",
        "haha my phone is dead lol",
        "training: what should a nurse do if a patient is bleeding?",
        "where can i sleep tonight",
        "what are my rights at work",
    ],
)
def test_what_is_not_danger_is_not_answered_with_danger(text: str) -> None:
    assert understand(rules(), text, HERE, None).answer != "danger"


def test_danger_is_read_in_every_language_whatever_the_line_speaks() -> None:
    english_only = Context(("en",), language="en", keywords=KEYWORDS)

    assert understand(rules(), "il me frappe avec un couteau", english_only, None).answer == "danger"


def test_stop_in_a_cry_for_help_unsubscribes_nobody() -> None:
    assert understand(rules(), "stop him he's hitting me", HERE, None).wish == ""
    assert understand(rules(), " STOP! ", HERE, None).wish == "stop"


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("please dont text me again", "stop"),
        ("arrêtez de m'écrire", "stop"),
        ("can u call me", "call"),
        ("pouvez-vous me rappeler", "call"),
        ("who is this", "who"),
        ("c'est qui", "who"),
        ("wrong number sorry", "wrong_number"),
        ("mauvais numéro", "wrong_number"),
        ("where is my wife staying", "seeking_someone"),
        ("je cherche ma femme", "seeking_someone"),
        ("delete everything i wrote", "erase"),
        ("i want to talk to a real person", "person"),
        ("bye thanks", "exit"),
        ("parlez vous français", "language"),
    ],
)
def test_wishes_in_a_sentence_are_read_like_the_word(text: str, wish: str) -> None:
    assert understand(rules(), text, HERE, None).wish == wish


def test_yes_after_a_question_is_an_answer_and_not_an_opt_in() -> None:
    asked = Context(("en", "fr"), language="en", asked="yes_no", keywords=KEYWORDS)

    assert [understand(rules(), text, asked, None).answer for text in ("Yes", "👍", "non merci")] == [
        "yes",
        "yes",
        "no",
    ]
    assert understand(rules(), "yes", HERE, None).wish == "start"


@pytest.mark.parametrize(
    ("asked", "text", "answer"),
    [
        ("key", "2", "2"),
        ("key", "two", "2"),
        ("yes_no", "oui", "yes"),
        ("yes_no", "1", "yes"),
        ("yes_no", "nope", "no"),
        ("", "yes", ""),
        ("", "1", ""),
        ("key", "help me", ""),
    ],
)
def test_an_answer_counts_only_after_a_question(asked: str, text: str, answer: str) -> None:
    assert read_answer(asked, fold(text), text) == answer  # type: ignore[arg-type]  # The cases are literals.


@pytest.mark.parametrize(
    ("text", "before", "language"),
    [
        ("mon boss garde mon passeport", "en", "fr"),
        ("my boss keeps my passport", "fr", "en"),
        ("ok", "fr", "fr"),
        ("mi jefe no me deja salir de la casa", "", "es"),
        ("我需要帮助", "en", "zh"),
        ("مساعدة من فضلك", "", "ar"),
        ("mainu madad chahidi hai", "", "pa"),
        ("🤔", "", ""),
    ],
)
def test_language_is_told_from_the_text_before_the_conversation(
    text: str, before: str, language: str
) -> None:
    words = read_language_words(PHRASES / "languages.toml")

    assert detect_language(words, text, before, ("en", "fr")).language == language


def test_a_keyword_alone_is_sure_and_the_menu_is_the_menu() -> None:
    shelter, menu = (understand(rules(), text, HERE, None) for text in ("Refuge", "MENU"))

    assert (shelter.answer, shelter.intents[0].stop, shelter.language) == ("sure", "shelter", "fr")
    assert (menu.answer, menu.wish) == ("lost", "")


def test_hidden_letters_do_not_hide_danger() -> None:
    hidden = "h\u0435'\u0455 h\u0456tting me \u202e\u200b now"
    zalgo = "".join(f"{c}\u0301\u0302\u0303\u0304\u0305" for c in "he is killing me")

    assert fold(clean(hidden)) == "hes hitting me now"
    assert understand(rules(), hidden, HERE, None).answer == "danger"
    assert understand(rules(), zalgo, HERE, None).answer == "danger"


def test_a_long_text_is_cut_and_split() -> None:
    long = clean("One sentence here. Another one there! " * 60)

    assert len(long) == LONGEST
    assert sentences(long)[:2] == ("One sentence here.", "Another one there!")
    assert sentences("Short. One.") == ("Short. One.",)


@given(st.text(max_size=300))
def test_every_text_is_understood_somehow(text: str) -> None:
    found = understand(rules(), text, HERE, None)

    assert found.answer in ("danger", "wish", "sure", "choices", "lost")
    assert found.safety or found.answer != "danger"


def test_a_rule_fits_inside_a_sentence_without_spaces_but_inside_no_word(tmp_path: Path) -> None:
    (tmp_path / "zh").mkdir()
    (tmp_path / "zh" / "danger.toml").write_text(
        '[[danger]]\nkind = "violence"\npoints = 3\nany = ["他.{0,2}打我", "^救命$", "hit me"]\n', "utf-8"
    )
    (tmp_path / "zh" / "wishes.toml").write_text('[stop]\ninside = ["别再发短信"]\n', "utf-8")
    danger, wishes = read_danger_rules(tmp_path), read_wish_rules(tmp_path)

    assert read_danger(danger, "救命他又打我了我好怕").points == 3
    assert read_danger(danger, "救命").points == 3
    assert read_danger(danger, "white hit men").points == 0
    assert read_wish(wishes, "请你别再发短信给我了", {}).wish == "stop"


def test_a_fault_in_the_rules_is_named(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "danger.toml").write_text(
        '[[danger]]\nkind = "violence"\npoints = 3\nany = ["<nobody> hit"]\n'
    )

    with pytest.raises(RulesError, match=r"danger 1: no group is called 'nobody'"):
        read_danger_rules(tmp_path)


@pytest.mark.parametrize(
    ("file", "rule", "named"),
    [
        (
            "danger.toml",
            '[[danger]]\nkind = "held"\npoints = 1\nany = ["ok", "(open"]',
            "danger 1: '(open'",
        ),
        ("danger.toml", '[[calm]]\npoints = 1\nany = ["*all"]', "calm 1: '*all'"),
        (
            "danger.toml",
            '[groups]\nhe = "he|she["\n[[calm]]\npoints = 1\nany = ["<he>"]',
            "calm 1: '(?:he|she[)'",
        ),
        ("wishes.toml", '[stop]\nwhole = ["a{3,1}"]', "stop: "),
    ],
)
def test_a_pattern_that_is_none_is_named_before_any_text_is_read(
    tmp_path: Path, file: str, rule: str, named: str
) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / file).write_text(rule)

    read = read_wish_rules if file == "wishes.toml" else read_danger_rules
    with pytest.raises(RulesError) as refused:
        read(tmp_path)

    assert named in str(refused.value)


@examples(400)
@given(st.lists(st.sampled_from([*"ab |()[]{}?*+^$.-,\\019", "(?:", "(?!", "(?<=", "\\w", "{0,3}", "[^ ]"])))
def test_a_pattern_that_looks_plain_compiles_also_beside_others(parts: list[str]) -> None:
    pattern = "".join(parts)

    if is_plain(pattern):
        re.compile(edged([pattern, "other"], chinese=False))


def test_nearly_every_rule_is_seen_to_be_right_without_compiling_it() -> None:
    tried = {rule for rule in (*rules().danger, *rules().wishes) if is_plain(rule.source)}

    assert len(tried) > 0.8 * len((*rules().danger, *rules().wishes))


def test_rules_say_what_they_saw() -> None:
    reading = read_danger(read_danger_rules(PHRASES), "he used to hit me, that was years ago")

    assert reading.calm > 0
    assert any(seen.startswith("calm: ") for seen in reading.seen)


def test_an_unsure_answer_names_911_unless_danger_is_all_but_ruled_out() -> None:
    limits = replace(
        rules().thresholds["meaning"].of("en"),
        danger_meaning=0.5,
        danger_names=0.0,
        danger_sounds=0.0,
        danger_bias=-4.5,
        danger_clear=0.01,
        danger_second=0.05,
    )
    read = replace(rules(), thresholds={"meaning": ThresholdTable(limits, {})})
    names = {"shelter": 0.5, "trp": 0.4}

    far, near = (
        understand(read, "the place or the permit", HERE, Meaning(names, odds)) for odds in (-8.0, 2.0)
    )
    alone = understand(read, "the place or the permit", HERE, None)

    assert [found.answer for found in (far, near, alone)] == ["choices", "choices", "lost"]
    assert far.danger_score < 0.01 < near.danger_score < 0.05
    assert (far.safety, near.safety, alone.safety) == (False, True, True)


@pytest.mark.parametrize(
    "text",
    [
        "he wont leave me alone",
        "some guy wont stop texting me",
        "get me out of this",
        "tell him to stop calling me",
    ],
)
def test_what_somebody_else_should_stop_unsubscribes_nobody(text: str) -> None:
    assert read_wish(read_wish_rules(PHRASES), text, {}).wish != "stop"


def test_a_wish_by_the_classifier_has_its_confidence() -> None:
    wish = read_wish(read_wish_rules(PHRASES), "zzz", {"wish-call": 0.7, "about": 0.2})

    assert (wish.wish, wish.confidence) == ("call", 0.7)


@pytest.mark.parametrize(
    ("text", "language", "danger"),
    [
        ("Допоможіть, він мене б'є", "uk", "violence"),  # noqa: RUF001 - Ukrainian
        ("me está pegando mi esposo ayuda", "es", "violence"),
        ("زوجي يضربني الآن ساعدوني", "ar", "violence"),
    ],
)
def test_where_nothing_was_learned_the_languages_own_rules_count_alone(
    text: str, language: str, danger: str
) -> None:
    unlearned = Meaning({}, -9.0, "meaning", language)

    found = understand(
        replace(rules(), learned=frozenset({"en", "fr"})),
        text,
        Context(languages=("en", "fr", language)),
        unlearned,
    )

    assert (found.language, found.danger, found.answer) == (language, danger, "danger")


@pytest.mark.parametrize(
    ("text", "shares", "told"),
    [
        ("mujhe madad chahiye", {"ur": 0.5, "hi": 0.3, "en": 0.1}, "ur"),
        ("mujhe madad chahiye", {"ur": 0.3, "hi": 0.3, "en": 0.3}, "ms"),
        ("saya perlukan bantuan", {"fil": 0.6, "ur": 0.2}, "ms"),
        ("مجھے مدد چاہیے", {"hi": 0.9}, "ms"),
        ("help me", {}, "ms"),
    ],
)
def test_a_language_in_latin_letters_is_told_by_the_phrases(
    text: str, shares: dict[str, float], told: str
) -> None:
    assert language_by_phrases(text, "ms", shares) == told


def test_what_is_typed_in_latin_letters_is_not_taken_for_english() -> None:
    found = detect_language(
        read_language_words(PHRASES / "languages.toml"),
        "mera boss salary nahi de raha help me",
        "",
        ("en", "fr", "hi", "ur"),
        "hi",
    )

    assert found.language == "hi"


@pytest.mark.parametrize("language", ["hi", "hu", "zh"])
def test_where_nothing_was_learned_a_low_score_rules_out_nothing(language: str) -> None:
    texts = {"hi": "मुझे कुछ समझ नहीं आ रहा", "hu": "nem értem hogy mi ez az egész", "zh": "我不知道怎么办"}
    unlearned = Meaning({"off-topic": 1.0}, -9.0, "meaning", language)

    found = understand(
        replace(rules(), learned=frozenset({"en", "fr"})),
        texts[language],
        Context(languages=("en", "fr", language)),
        unlearned,
    )

    assert (found.language, found.safety) == (language, True)


def test_without_the_classifier_no_other_language_calms_what_a_languages_own_rules_see() -> None:
    raped_just_now, context = "kakarape lang sa akin", Context(languages=("en", "fr", "fil"), language="fil")

    found = understand(rules(), raped_just_now, context, None)

    assert (found.language, found.danger, found.answer) == ("fil", "violence", "danger")


def test_every_language_with_phrases_is_learned() -> None:
    assert rules().learned == {folder.name for folder in PHRASES.iterdir() if any(folder.glob("*.txt"))}
    assert {"en", "fr", "uk", "zh"} <= rules().learned


@pytest.mark.parametrize(
    ("text", "before", "language"),
    [
        ("شوهرم مرا می‌زند کمک", "", "fa"),
        ("میرا شوہر مجھے مارتا ہے", "", "ur"),
        ("زوجي يضربني", "", "ar"),
        ("شكرا", "", "ar"),
        ("سلام", "fa", "fa"),
        ("سلام", "ur", "ur"),
    ],
)
def test_arabic_farsi_and_urdu_are_told_apart_by_their_letters(text: str, before: str, language: str) -> None:
    context = Context(languages=("en", "fr", "ar", "fa", "ur"), language=before)

    assert understand(rules(), text, context, None).language == language
