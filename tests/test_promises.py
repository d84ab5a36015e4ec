"""What must hold of everything at once: every route, every fixed document, every word, every effect."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import astuple, dataclass, field, fields
from typing import TYPE_CHECKING, get_args
from xml.etree import ElementTree as ET

import pytest
from conftest import ROOT, Twilio
from fakes import KeptArchive, KeptEffects, NotedJournal, SentTexts, make_line

from ivr.checks.prompts import wrong_recordings
from ivr.circuit_breaker import PartUnavailable
from ivr.effects import Alarm, CallTexter, Effect, TextNumbers
from ivr.flow.rendering import write
from ivr.jobs import EFFECTS as PERFORMED
from ivr.line import ALARMS, Line
from ivr.phone_numbers import why_not
from ivr.position import NAME, Position
from ivr.telephony.twilio_client import PhoneUnavailable
from ivr.transfer.coordinator import NumberRefused, PhoneSilent, PhoneThrottled, TooManyCalls
from ivr.web.app import create_app
from ivr.wiring import build_parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from conftest import Clock
    from werkzeug.test import TestResponse

    from ivr.flow.models import Flow
    from ivr.settings import Settings
    from ivr.telephony.fallback_twiml import FallbackDocuments

EFFECTS = get_args(Effect)
# All that is fetched by GET: signs of life, recordings, and counts that ask for a token or for this machine.
PAGES = ("health.alive", "health.ready", "health.audio", "metrics.show")


@dataclass
class Webhooks:
    """Every address that takes a POST, with something in each of its blanks."""

    twilio: Twilio
    paths: dict[str, str] = field(default_factory=dict)
    reached: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for rule in self.twilio.client.application.url_map.iter_rules():
            if "POST" in (rule.methods or ()):
                filled = re.sub(r"<int:\w+>", "1", re.sub(r"<any\((\w+)[^)]*\):\w+>", r"\1", rule.rule))
                self.paths[re.sub(r"<(\w+:)?\w+>", "x1", filled)] = rule.endpoint

    def post(self, **options: str) -> Iterator[tuple[str, TestResponse]]:
        for path in self.paths:
            yield path, self.twilio.post(path, **options)


@pytest.fixture
def webhooks(twilio: Twilio) -> Webhooks:
    return Webhooks(twilio)


def test_every_webhook_refuses_whoever_is_not_twilio(webhooks: Webhooks, line: Line) -> None:
    answers = {path: answer.status_code for path, answer in webhooks.post(signature="forged", Digits="1")}

    assert len(answers) > 10
    assert {path for path, code in answers.items() if code != 403} == set()
    assert isinstance(line.journal, NotedJournal)
    assert line.journal.entries == []


def test_every_webhook_refuses_a_signature_over_another_form(webhooks: Webhooks) -> None:
    client = webhooks.twilio.client
    signed = {path: webhooks.twilio.sign(f"https://line.example{path}", {}) for path in webhooks.paths}

    codes = {
        client.post(path, data={"Digits": "1"}, headers={"X-Twilio-Signature": signature}).status_code
        for path, signature in signed.items()
    }

    assert codes == {403}


def test_no_webhook_can_be_fetched_by_get(webhooks: Webhooks) -> None:
    codes = {path: webhooks.twilio.client.get(path).status_code for path in webhooks.paths}

    assert {path for path, code in codes.items() if code != 405} == set()


def test_only_pages_without_callers_are_open_to_everybody(twilio: Twilio) -> None:
    rules = twilio.client.application.url_map.iter_rules()

    open_to_all = {rule.endpoint for rule in rules if "GET" in (rule.methods or ())}

    assert open_to_all == set(PAGES)


@pytest.mark.parametrize("digits", ["", "1", "2", "9", "*", "#", "99", "x"])
def test_every_webhook_answers_whatever_is_missing_from_its_form(webhooks: Webhooks, digits: str) -> None:
    answers = dict(webhooks.post(Digits=digits))

    assert {path for path, answer in answers.items() if answer.status_code not in {200, 204}} == set()
    for answer in answers.values():
        assert answer.status_code == 204 or ET.fromstring(answer.get_data()).tag == "Response"  # noqa: S314 - our own


@dataclass(frozen=True)
class Nothing:
    """A part of which nothing works."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)


def test_every_webhook_answers_when_every_part_of_ours_fails(
    flow: Flow, settings: Settings, clock: Clock
) -> None:
    broken = make_line(flow, journal=Nothing(), phone=Nothing(), later=Nothing(), transfers=Nothing())
    app = create_app(build_parts(settings, broken, clock))
    webhooks = Webhooks(Twilio(app.test_client(), settings.public_url, settings.auth_token))

    answers = dict(webhooks.post(Digits="0", CallStatus="completed"))

    assert {path for path, answer in answers.items() if answer.status_code not in {200, 204}} == set()
    assert {path for path, answer in answers.items() if b"<Dial" in answer.get_data()} <= joins(answers)


def joins(answers: dict[str, TestResponse]) -> set[str]:
    """Name the addresses at which an agency is joined by Twilio's queue of one, which needs nothing of us."""
    return {path for path, answer in answers.items() if b"<Queue" in answer.get_data()}


@pytest.fixture
def fixed(settings: Settings, line: Line) -> FallbackDocuments:
    return build_parts(settings, line).fixed


def test_no_fixed_document_dials_but_the_one_that_was_asked_for(fixed: FallbackDocuments) -> None:
    dialling = {each.name for each in fields(fixed) if "<Dial" in getattr(fixed, each.name)}

    assert dialling == {"ring"}


def test_every_fixed_document_has_words_in_the_first_languages(fixed: FallbackDocuments, flow: Flow) -> None:
    spoken = {name: getattr(fixed, name) for name in ("caller", "ring", "wait", "agency")}
    codes = [flow.line.languages[language].code for language in flow.first_languages]

    assert {name for name, words in spoken.items() for code in codes if code not in words} == set()
    assert fixed.text.count("911") == len(flow.first_languages)


def test_a_caller_whom_our_code_fails_hears_911_first_and_then_numbers(fixed: FallbackDocuments) -> None:
    words = " ".join(ET.fromstring(fixed.caller).itertext())  # noqa: S314 - our own

    assert "9 1 1" in words
    assert words.index("9 1 1") < words.index("9 0 0")


def shape(words: object, place: str = "") -> Iterator[str]:
    """Name every word of a prompts file by its place, and how many questions a checklist asks."""
    match words:
        case dict():
            for name, inside in words.items():
                yield from shape(inside, f"{place}.{name}")
        case list():
            yield f"{place}[{len(words)}]"
        case _:
            yield place


def prompts(language: str) -> dict[str, object]:
    return tomllib.loads((ROOT / f"prompts/{language}.toml").read_text("utf-8"))


def test_every_word_exists_in_every_language(flow: Flow) -> None:
    heads = {".draft", ".translator", ".tested_with"}
    shapes = {language: set(shape(prompts(language))) - heads for language in flow.languages}
    first = shapes[flow.languages[0]]

    assert {language: words ^ first for language, words in shapes.items() if words != first} == {}


def test_every_file_of_words_belongs_to_a_language_of_the_line(flow: Flow) -> None:
    files = {path.stem for path in (ROOT / "prompts").glob("*.toml")}

    assert files == set(flow.line.languages)


def test_every_recording_replaces_words_that_exist(flow: Flow) -> None:
    assert list(wrong_recordings(flow, ROOT / "prompts")) == []


def test_every_name_that_rides_in_an_address_can_be_one(flow: Flow) -> None:
    names = {*flow.stops, *flow.languages, *flow.directory.orders, *flow.directory.agencies}

    assert [name for name in names if not NAME.fullmatch(name)] == []


def test_every_stop_is_found_again_from_its_own_address(flow: Flow) -> None:
    here = [
        Position(stop, language, 7, 1, held=True) for stop in flow.stops for language in (*flow.languages, "")
    ]

    assert [place for place in here if Position.parse(place.path()) != place] == []


def test_every_number_of_an_agency_can_be_dialled(flow: Flow) -> None:
    agencies = flow.directory.agencies

    assert [name for name, agency in agencies.items() if why_not(agency.number)] == []


@dataclass
class PlayedTransfers:
    """Keeps what it was asked to do."""

    asked: list[object] = field(default_factory=list)
    store: object = None

    def __post_init__(self) -> None:
        self.store = self

    def ring(self, effect: object) -> None:
        self.asked.append(effect)

    def end_ring(self, effect: object) -> None:
        self.asked.append(effect)

    def unreached_in_a_row(self) -> int:
        return 3

    def of_calls(self, calls: Sequence[str]) -> list[str]:
        return list(calls)


def make(kind: type) -> Effect:
    """Make one effect of a kind, every field of it a word that could be there."""
    likely = {"language": "en", "why": next(iter(ALARMS)), "place": "1"}
    effect: Effect = kind(*(likely.get(each.name, "c0ffee") for each in fields(kind)))
    return effect


@pytest.mark.parametrize("kind", EFFECTS)
def test_every_effect_carries_only_words_and_survives_json(kind: type) -> None:
    effect = make(kind)

    again = PERFORMED[kind.__name__](*json.loads(json.dumps(astuple(effect))))

    assert again == effect
    assert {each.type for each in fields(kind)} == {"str"}


@pytest.mark.parametrize("kind", EFFECTS)
def test_every_effect_is_performed(kind: type, flow: Flow) -> None:
    later, phone, transfers = KeptEffects(), SentTexts(), PlayedTransfers()
    told: list[str] = []
    later.secrets = {"number-c0ffee": "+19055550123"}
    archive = KeptArchive()
    line = make_line(
        flow, phone=phone, later=later, transfers=transfers, archive=archive, send_alarm=told.append
    )

    line.perform(make(kind))

    assert [phone.texts, phone.rings, transfers.asked, told, archive.asked].count([]) == 4


def promised(flow: Flow, *faults: Exception) -> tuple[Line, SentTexts]:
    """Make a line that has promised a text, and whose next texts fail."""
    later, phone = KeptEffects(secrets={"number-c0ffee": "+19055550123"}), SentTexts(faults=list(faults))
    return make_line(flow, phone=phone, later=later), phone


@pytest.mark.parametrize("fault", [PhoneUnavailable("gone"), PhoneSilent("silent"), PhoneThrottled("busy")])
def test_a_promised_text_outlives_requests_that_fail_and_is_sent_once(fault: Exception, flow: Flow) -> None:
    line, phone = promised(flow, fault, fault)
    for _ in range(2):
        with pytest.raises(PartUnavailable):
            line.perform(TextNumbers("c0ffee", "en"))

    line.perform(TextNumbers("c0ffee", "en"))
    line.perform(TextNumbers("c0ffee", "en"))

    assert [number for number, _ in phone.texts] == ["+19055550123"]


def test_a_text_that_twilio_will_never_take_is_not_tried_again(flow: Flow) -> None:
    line, phone = promised(flow, NumberRefused("Twilio refused: 21610"))

    line.perform(TextNumbers("c0ffee", "en"))
    line.perform(TextNumbers("c0ffee", "en"))

    assert phone.texts == []


def test_a_texter_whom_a_full_account_cannot_ring_is_told_and_the_mend_is_asked_for(flow: Flow) -> None:
    later = KeptEffects(secrets={"number-c0ffee": "+19055550123"})
    phone = SentTexts(ring_faults=[TooManyCalls("Twilio refused: 10004")])
    line = make_line(flow, phone=phone, later=later)

    line.perform(CallTexter("c0ffee", "en"))

    assert [words for _, words in phone.texts] == [write(flow, "en", "call_cannot").words]
    assert later.effects == [Alarm("limit")]


def test_a_texter_who_may_have_been_rung_is_not_rung_again(flow: Flow) -> None:
    later = KeptEffects(secrets={"number-c0ffee": "+19055550123"})
    phone = SentTexts(ring_faults=[PhoneSilent("silent")], faults=[PhoneSilent("silent")])
    line = make_line(flow, phone=phone, later=later)

    line.perform(CallTexter("c0ffee", "en"))
    line.perform(CallTexter("c0ffee", "en"))

    assert (phone.rings, phone.texts) == ([], [])


def test_whatever_is_queued_is_known_to_the_worker() -> None:
    assert set(PERFORMED.values()) == set(EFFECTS)
