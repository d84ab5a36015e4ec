"""What is kept is what would be decided and written anew, for every stop, language and key, and no longer."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from sizes import is_full

from ivr.flow.prompts import word
from ivr.flow.recordings import with_recordings
from ivr.flow.turn import Arrived, AskForPerson, CameBack, Phone, Pressed, Returned, Roster, Silent, Turn
from ivr.flow.voice import MOST_KEPT, KeptTurns, step
from ivr.position import Position
from ivr.telephony.twiml import MOST_DOCUMENTS, KeptDocuments, TwimlRenderer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.flow.models import Flow
    from ivr.flow.turn import Heard

NOW = 1_790_000_000
HEARD: tuple[Heard, ...] = (
    *map(Pressed, "0123456789*#A"),
    Arrived(),
    Silent(),
    Returned(),
    CameBack("busy"),
)
PHONES = (Phone("c1"), Phone("c2", may_be_texted=False))
STOP = "signs-me"
NEW = "These words were published a moment ago."


def rosters(flow: Flow) -> tuple[Roster, ...]:
    """Two moments: all agencies are there; nobody is."""
    return Roster(flow.directory.orders, NOW), Roster({}, NOW + 3600)


def languages(flow: Flow) -> list[str]:
    """Give languages of every kind: none yet, the first, one behind the key for others, one unvoiced.

    At full size all of them.
    """
    if is_full():
        return ["", *flow.languages]
    others = [each for each in flow.voiced if each not in flow.first_languages]
    silent = [each for each in flow.languages if each not in flow.voiced]
    return ["", *flow.first_languages, *others[:1], *silent[:1]]


def positions(flow: Flow) -> Iterator[Position]:
    """Give every stop in each of these, at the first and the last attempt, in calls of two months."""
    for stop, language in product(flow.stops, languages(flow)):
        yield Position(stop, language, turn=3, month="2026-10")
        yield Position(stop, language, turn=7, attempt=3, question=1, yes=1, about="shelter", month="2026-11")
        yield Position(stop, language, turn=5, month="2026-11", slow=True)


def renderer(flow: Flow) -> TwimlRenderer:
    return TwimlRenderer(flow, "+12895550100", "https://line.example")


def published(flow: Flow) -> Flow:
    return word(flow, {"en": {f"stops.{STOP}.say": NEW}}).flow


def test_a_turn_is_kept_where_any_moment_and_any_phone_would_get_it_and_nowhere_else(flow: Flow) -> None:
    kept, moments = KeptTurns(), list(product(rosters(flow), PHONES))
    anew: set[type] = set()
    count = 0

    for position, heard in product(positions(flow), HEARD):
        kept.find(flow, position.at(0, ""), heard)  # In another call.
        turn = kept.find(flow, position, heard)
        fresh = [step(flow, position, heard, roster, phone) for roster, phone in moments]

        assert turn is None or fresh == [turn] * len(moments), (position, heard)
        count += bool(turn)
        if not turn:
            anew.update(map(type, fresh))

    assert count > len(HEARD) * len(list(positions(flow))) / 2
    assert anew == {AskForPerson, Turn}  # A wish for a person, and numbers that are texted or are not.


def test_a_kept_document_is_the_one_that_would_be_written_anew(flow: Flow) -> None:
    flow = with_recordings(flow, frozenset({("en", "lines.person_key"), ("fr", "lines.leave_key")}))
    speech = renderer(flow)
    turns = [
        turn
        for position, heard in product(positions(flow), (*map(Pressed, "01#"), Silent()))
        if isinstance(turn := step(flow, position, heard, rosters(flow)[0], PHONES[0]), Turn)
    ]

    for turn in turns:
        speech.answer(Turn(turn.position.at(0, ""), turn.says, turn.then))  # In another call.

        assert speech.answer(turn) == renderer(flow).answer(turn), turn.position


def test_published_words_are_heard_at_the_next_key_and_withdrawn_ones_no_more(flow: Flow) -> None:
    kept, new = KeptTurns(), published(flow)

    heard = [kept.find(each, Position(STOP, "en"), Pressed("*")) for each in (flow, new, flow)]

    assert [bool(turn and NEW in turn.says[0].words) for turn in heard] == [False, True, False]


def test_a_document_kept_of_old_words_is_not_given_for_new_ones(flow: Flow) -> None:
    speech, position = renderer(flow), Position(STOP, "en")
    turns = [
        step(each, position, Pressed("*"), rosters(flow)[0], PHONES[0])
        for each in (flow, published(flow), flow)
    ]

    documents = [speech.answer(turn) for turn in turns if isinstance(turn, Turn)]

    assert [NEW in document for document in documents] == [False, True, False]


def test_what_is_kept_does_not_grow_without_end(flow: Flow) -> None:
    kept, documents = KeptTurns(), KeptDocuments()
    for number in range(MOST_KEPT + 50):
        kept.find(flow, Position(f"stop-{number}", "en"), Silent())
    for number in range(MOST_DOCUMENTS + 50):
        documents.fill(number, "", str)

    assert len(kept) == MOST_KEPT
    assert len(documents) == MOST_DOCUMENTS


def test_turns_that_go_take_their_words_along_and_those_that_come_share_theirs(flow: Flow) -> None:
    kept, parts = KeptTurns(), []
    for first in (1, 10_001):  # Twice as many turns as are kept, and more, of which no two are the same.
        for question in range(first, first + MOST_KEPT // 10 + 50):
            for key in "0123456789":
                kept.find(flow, Position(STOP, "en", question=question), Pressed(key))
        parts.append(len(kept.parts))

    one, other = (kept.find(flow, Position(STOP, "en", question=n), Pressed("1")) for n in (10_400, 10_401))

    assert len(kept) == MOST_KEPT
    assert parts[0] == parts[1] < MOST_KEPT / 2
    assert one is not None
    assert other is not None
    assert one.says is other.says


def test_keys_that_lead_to_one_place_keep_its_words_once(flow: Flow) -> None:
    kept, here = KeptTurns(), Position(flow.menus.home, "en")

    first, second = (kept.find(flow, here, Pressed(key)) for key in "78")

    assert first is not None
    assert second is not None
    assert (first.says == second.says, first.says is second.says) == (True, True)
