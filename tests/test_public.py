"""The public page: all that is said can be read, by anybody, and nobody is seen reading it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT

from ivr.flow.loader import read_pages
from ivr.flow.models import ChecklistStop, GoodbyeStop, LanguageStop, MessageStop, TransferStop
from ivr.flow.rendering import fill, written_number
from ivr.web.public.pages import PublicContext, compose, line, paragraphs, readable
from ivr.web.site import create_site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient

    from ivr.flow.models import Flow

NUMBER = "+12895550100"
PRINTED = ("cards", "poster")
SVG = "{http://www.w3.org/2000/svg}"
TOPIC = re.compile(r"traffick|traite|exploit|victim|abus|slave|sex|crim|police|rescue", re.IGNORECASE)
PAGED = sorted(path.stem for path in (ROOT / "prompts" / "pages").glob("*.toml"))
LOOKED_AT = ("en", "fr", "ar")  # Every template, and both directions.
PICTURE = ROOT / "docs/pictures/tree.svg"


class Seen(HTMLParser):
    """What stands on a page: its addresses, its elements, its words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        target = self.links if tag == "a" else self.loaded
        target += [value or "" for name, value in attrs if name in {"href", "src", "action"}]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))


@pytest.fixture
def visitor(flow: Flow) -> FlaskClient:
    pages = read_pages(ROOT / "prompts", flow)
    return create_site(PublicContext(flow, pages, NUMBER)).test_client()


def addresses(flow: Flow) -> Iterator[str]:
    yield from ("/", "/materials")
    for language in LOOKED_AT:
        yield f"/{language}/"
        yield from (f"/{language}/{stop}" for stop in readable(flow) - {flow.menus.home})
        yield from (f"/materials/{language}/{kind}" for kind in PRINTED)


def visit(visitor: FlaskClient, address: str) -> Seen:
    answer = visitor.get(address)
    assert answer.status_code == 200, address
    return Seen(answer.get_data(as_text=True))


def test_every_stop_can_be_read_with_all_its_words(flow: Flow, visitor: FlaskClient) -> None:
    for language in LOOKED_AT:
        for stop in readable(flow) - {flow.menus.home}:
            said = paragraphs(flow, language, flow.prompts[language].stops[stop].say)

            seen = visit(visitor, f"/{language}/{stop}").text

            for words in said:
                assert "".join(piece.words for piece in words) in seen


def test_only_what_a_telephone_alone_can_mean_has_no_page(flow: Flow) -> None:
    kept_back = {name: flow.stops[name] for name in set(flow.stops) - readable(flow)}

    told = [stop for stop in kept_back.values() if isinstance(stop, MessageStop) and not stop.does]
    assert {
        name for name, stop in kept_back.items() if isinstance(stop, ChecklistStop | TransferStop)
    } == set()
    assert told == [flow.stops[flow.menus.unreached]]  # "You are not connected yet": no call was made.
    assert {
        name for name in readable(flow) if isinstance(flow.stops[name], LanguageStop | GoodbyeStop)
    } == set()


def test_every_link_leads_to_a_page_or_out_by_the_way_that_was_chosen(
    flow: Flow, visitor: FlaskClient
) -> None:
    ways_out = {words.leave_to for words in read_pages(ROOT / "prompts", flow).values()}
    dialled = re.compile(r"tel:(\+1[0-9]{10}|[2-9]11|988)|sms:(\+1[0-9]{10}(\?body=[\w%]+)?|[0-9]{6})|#words")

    links = {link for address in addresses(flow) for link in visit(visitor, address).links}

    inside = {link for link in links if link not in ways_out and not dialled.fullmatch(link)}
    inside = {link for link in inside if link.split("/")[1] in {*LOOKED_AT, "materials", ""}}
    assert {link for link in inside if visitor.get(link).status_code != 200} == set()


def test_every_topic_is_found_by_following_links_from_the_door(flow: Flow, visitor: FlaskClient) -> None:
    found: set[str] = set()
    ahead = ["/"]
    while ahead:
        address = ahead.pop()
        if address not in found:
            found.add(address)
            links = [link for link in visit(visitor, address).links if link.startswith("/")]
            ahead += [link for link in links if link.split("/")[1] in {*LOOKED_AT, "materials", ""}]

    results = {
        to for stop in flow.stops.values() if isinstance(stop, ChecklistStop) for to in stop.results.values()
    }
    hidden = set(addresses(flow)) - found
    assert {address.rpartition("/")[2] for address in hidden} <= results  # They stand below their questions.


def test_nothing_that_a_page_loads_comes_from_anybody_else(flow: Flow, visitor: FlaskClient) -> None:
    loaded = {each for address in addresses(flow) for each in visit(visitor, address).loaded}

    assert {each for each in loaded if not each.startswith("/")} == set()
    assert {each for each in loaded if visitor.get(each, buffered=True).status_code != 200} == set()
    for each in loaded:
        content = visitor.get(each, buffered=True).get_data(as_text=True)
        foreign = re.findall(r"(?:https?:)?//[\w.]+", content)
        assert set(foreign) <= {"http://www.w3.org"}  # The name of SVG.


def test_no_page_keeps_tells_or_asks_anything_of_its_visitor(
    flow: Flow, visitor: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    for address in (*addresses(flow), "/nowhere", "/static/page.css", "/materials/en/code.svg"):
        answer = visitor.get(address, buffered=True)

        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert {"ETag", "Last-Modified"} & set(answer.headers.keys()) == set()
        assert "<form" not in answer.get_data(as_text=True)
    assert caplog.records == []


def test_nothing_on_a_page_needs_an_exception_to_its_policy(flow: Flow, visitor: FlaskClient) -> None:
    policy = visitor.get("/").headers["Content-Security-Policy"]

    tags = [each for address in addresses(flow) for each in visit(visitor, address).tags]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert {tag for tag, _ in tags if tag == "style"} == set()
    assert {tag for tag, given in tags if tag == "script" and "src" not in given} == set()
    assert {name for _, given in tags for name in given if name == "style" or name.startswith("on")} == set()


def test_browsers_are_told_to_stay_on_https_once_they_came_by_it(visitor: FlaskClient) -> None:
    plain = visitor.get("/")
    proxied = visitor.get("/", headers={"X-Forwarded-Proto": "https"})

    assert "Strict-Transport-Security" not in plain.headers
    assert "max-age" in proxied.headers["Strict-Transport-Security"]


def test_no_title_tells_what_the_page_is_about(flow: Flow, visitor: FlaskClient) -> None:
    pages = {address: visitor.get(address).get_data(as_text=True) for address in addresses(flow)}

    titles = {title for html in pages.values() for title in re.findall(r"<title>(.*?)</title>", html)}

    assert len(titles) == len(LOOKED_AT)
    assert [title for title in titles if TOPIC.search(title)] == []


@pytest.mark.parametrize(
    ("asked", "first"),
    [("fr-CA,fr;q=0.9,en;q=0.5", "fr"), ("en", "en"), ("de", "en"), ("", "en"), ("ar-SY", "ar")],
)
def test_the_door_begins_in_the_language_of_the_browser_and_shows_all(
    visitor: FlaskClient, asked: str, first: str
) -> None:
    seen = Seen(visitor.get("/", headers={"Accept-Language": asked}).get_data(as_text=True))

    homes = [link for link in seen.links if re.fullmatch(r"/\w+/", link)]
    assert homes[0] == f"/{first}/"
    assert set(homes) == {f"/{language}/" for language in PAGED}
    assert ("html", {"lang": first, "dir": "rtl" if first == "ar" else "ltr"}) in seen.tags


@pytest.mark.parametrize(
    "address", ["/xx/", "/en/nothing", "/fr/rien", "/xx/main", "/materials/en/hat", "/a/b/c"]
)
def test_whoever_is_lost_gets_a_kind_page_with_a_way_on(visitor: FlaskClient, address: str) -> None:
    answer = visitor.get(address)

    seen = Seen(answer.get_data(as_text=True))
    assert answer.status_code == 404
    assert "tel:911" in seen.links
    assert f"tel:{NUMBER}" in seen.links
    assert f'lang="{"fr" if address.startswith("/fr") else "en"}"' in answer.get_data(as_text=True)


def test_whoever_meets_our_fault_still_gets_the_numbers(flow: Flow) -> None:
    site = create_site(PublicContext(flow, read_pages(ROOT / "prompts", flow), NUMBER))
    site.view_functions["public.stop"] = lambda **_: 1 // 0

    answer = site.test_client().get("/fr/person")

    assert answer.status_code == 500
    assert f"tel:{NUMBER}" in answer.get_data(as_text=True)


def test_questions_are_listed_with_what_answers_can_mean(flow: Flow, visitor: FlaskClient) -> None:
    for language in LOOKED_AT:
        for name, stop in flow.stops.items():
            if isinstance(stop, ChecklistStop) and name in readable(flow):
                prompts = flow.prompts[language]

                seen = visit(visitor, f"/{language}/{name}")

                asked = [line(flow, language, question) for question in prompts.stops[name].questions]
                means = [paragraphs(flow, language, prompts.stops[to].say)[0] for to in stop.results.values()]
                assert [p for p in (*asked, *means) if "".join(x.words for x in p) not in seen.text] == []
                assert {tag for tag, _ in seen.tags} & {"form", "input", "button", "select"} == set()


def test_a_reader_is_told_who_runs_each_line_before_its_number(flow: Flow, visitor: FlaskClient) -> None:
    for language in PAGED:
        seen = visit(visitor, f"/{language}/{flow.menus.person}")

        for order in flow.directory.orders.values():
            for name in order:
                agency = flow.directory.agencies[name]
                if agency.on:
                    who = fill(flow, language, flow.prompts[language].agencies[name].who)
                    assert f"{who} {written_number(agency.number)}" in seen.text


def test_every_language_of_the_line_has_a_page_and_drafts_say_that_they_are(
    flow: Flow, visitor: FlaskClient
) -> None:
    pages = read_pages(ROOT / "prompts", flow)

    assert set(pages) == set(flow.languages)
    for language, words in pages.items():
        homes = [f"/{language}/", *(f"/materials/{language}/{kind}" for kind in PRINTED)]
        labelled = [words.draft in visit(visitor, address).text for address in homes]
        assert labelled == [flow.prompts[language].draft] * len(homes), language


def test_no_stop_of_any_language_shows_a_blank_or_a_number_for_the_ear(flow: Flow) -> None:
    for language in PAGED:
        for name in readable(flow):
            read = paragraphs(flow, language, flow.prompts[language].stops[name].say)

            words = " ".join(piece.words for paragraph in read for piece in paragraph)
            assert not re.search(r"\b9 1 1\b|[{}]", words), (language, name)


def test_an_agency_that_is_switched_off_comes_last_and_says_so(flow: Flow) -> None:
    pages = read_pages(ROOT / "prompts", flow)
    first = flow.directory.orders["not-police"][0]
    site = create_site(PublicContext(flow, pages, NUMBER, off=lambda: frozenset({first})))

    seen = Seen(site.test_client().get(f"/en/{flow.menus.person}").get_data(as_text=True))

    dialled = [link for link in seen.links if link.startswith("tel:")]
    assert dialled[0] != f"tel:{flow.directory.agencies[first].number}"
    assert f"{written_number(flow.directory.agencies[first].number)} {pages['en'].not_now}" in seen.text


def test_an_order_of_which_nobody_is_on_comes_after_the_others(flow: Flow) -> None:
    gone = frozenset(flow.directory.orders["not-police"])
    words = read_pages(ROOT / "prompts", flow)["en"]

    usual = compose(flow, "en", flow.menus.person, words).orders
    now = compose(flow, "en", flow.menus.person, words, gone).orders

    assert len(usual) > 1
    assert all(each.off for each in now[-1].agencies)
    assert not all(each.off for each in now[0].agencies)
