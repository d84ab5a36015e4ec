"""What is written, printed or drawn from the words of the line: cards, a poster, the picture of the stops."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
from conftest import ROOT
from test_public import NUMBER, PAGED, PRINTED, TOPIC, visit

from ivr.flow.diagrams import picture
from ivr.flow.loader import FlowError, read_pages
from ivr.flow.models import every_prompt
from ivr.web.public.pages import PublicContext, line, paragraphs
from ivr.web.site import create_site

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient

    from ivr.flow.models import Flow

SAME_AS_ENGLISH = {"leave_to", "title", "materials.outside", "materials.strip", "materials.poster"}
SVG = "{http://www.w3.org/2000/svg}"
PICTURE = ROOT / "docs/pictures/tree.svg"


@pytest.fixture
def visitor(flow: Flow) -> FlaskClient:
    return create_site(PublicContext(flow, read_pages(ROOT / "prompts", flow), NUMBER)).test_client()


@pytest.mark.parametrize(
    ("spoken", "read"),
    [
        ("Call 9 1 1 now.", "Call 911 now."),
        ("They hold your I D.", "They hold your ID."),
        ("Text CONNECT to 6 8 6 8 6 8.", "Text CONNECT to 686868."),
        ("Open from 8 30 to 17 30.", "Open from 8:30 to 17:30."),
        ("Here are 7 short questions.", "Here are 7 short questions."),
        ("À 16 ans.", "À 16 ans."),
        ("请打 9 1 1。不要急。", "请打 911。不要急。"),
    ],
)
def test_what_is_spelled_for_the_ear_is_written_for_the_eye(flow: Flow, spoken: str, read: str) -> None:
    assert "".join(piece.words for piece in line(flow, "en", spoken)) == read


def test_a_number_can_be_dialled_where_it_stands(flow: Flow) -> None:
    told = "Call {hotline.name}. It is far. {hotline.number}. Or 2 1 1, or text 6 8 6 8 6 8."
    (first, second) = paragraphs(flow, "en", told)

    assert [piece.dial for piece in first if piece.dial] == [flow.directory.agencies["hotline"].number]
    assert [piece.address for piece in second if piece.dial] == ["tel:211", "sms:686868"]


def test_a_fault_in_the_words_of_the_page_names_its_file_and_place(flow: Flow, tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages/en.toml").write_text('title = "Information"\n')

    with pytest.raises(FlowError, match=r"pages/en\.toml: leave_to"):
        read_pages(tmp_path, flow)


def test_a_blank_that_was_lost_from_the_words_of_the_page_is_a_fault(flow: Flow, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "prompts/pages", tmp_path / "pages")
    whole = (ROOT / "prompts/pages/en.toml").read_text("utf-8")
    (tmp_path / "pages/en.toml").write_text(whole.replace("send {word} to {number}", "send it"), "utf-8")

    with pytest.raises(FlowError) as refused:
        read_pages(tmp_path, flow)

    assert [fault.place for fault in refused.value.faults] == ["by_text", "by_text"]


def test_the_words_of_the_page_have_the_same_numbers_and_blanks_in_every_language(flow: Flow) -> None:
    pages = {
        language: dict(every_prompt(words)) for language, words in read_pages(ROOT / "prompts", flow).items()
    }
    same = re.compile(r"\d+|\{[^{}]*\}")

    for language, words in pages.items():
        for place, english in pages["en"].items():
            assert sorted(same.findall(words[place])) == sorted(same.findall(english)), (language, place)
            assert language == "en" or words[place] != english or place in SAME_AS_ENGLISH, (language, place)


def test_the_outside_of_what_is_printed_names_no_topic(visitor: FlaskClient) -> None:
    for language in PAGED:
        pages = {kind: visitor.get(f"/materials/{language}/{kind}") for kind in PRINTED}

        for answer in pages.values():
            html = answer.get_data(as_text=True)
            outsides = re.findall(r'class="[^"]*outside.*?</div>', html, re.DOTALL)
            assert outsides
            assert TOPIC.search("".join(outsides)) is None
        poster = visit(visitor, f"/materials/{language}/poster").text
        assert re.search("traffick|traite", poster, re.IGNORECASE) is None


def test_the_code_on_a_card_opens_a_text_that_the_line_understands(flow: Flow, visitor: FlaskClient) -> None:
    for language, words in read_pages(ROOT / "prompts", flow).items():
        known = flow.keywords.stops[language][flow.menus.home]

        drawn = ET.fromstring(visitor.get(f"/materials/{language}/code.svg").get_data())  # noqa: S314 - our own

        assert words.materials.word.lower() in known
        assert drawn.tag == f"{SVG}svg"
        assert PublicContext(flow, {language: words}, NUMBER).text_to(language) == (
            f"sms:{NUMBER}?body={quote(words.materials.word)}"
        )


def test_the_picture_shows_every_stop_once_with_words_for_screen_readers(flow: Flow) -> None:
    drawn = ET.fromstring(picture(flow))  # noqa: S314 - our own

    told = [each.text or "" for each in drawn.iter(f"{SVG}text") if each.get("font-size") == "14"]
    assert sorted(words.rpartition(" ")[2] for words in told) == sorted(flow.stops)
    assert [each.tag for each in drawn[:2]] == [f"{SVG}title", f"{SVG}desc"]
    assert "style" not in picture(flow)


def test_the_picture_can_be_read_on_a_sheet_of_a3(flow: Flow) -> None:
    drawn = ET.fromstring(picture(flow))  # noqa: S314 - our own

    *_, wide, high = map(float, drawn.attrib["viewBox"].split())
    smallest = min(float(each.attrib["font-size"]) for each in drawn.iter(f"{SVG}text"))

    assert smallest * min(297 / wide, 420 / high) >= 2.3  # Millimetres: 6.5 points.
    assert max(float(each.attrib["x"]) for each in drawn.iter(f"{SVG}text")) < wide


def test_the_picture_in_the_readme_is_fresh(flow: Flow, pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("--rewrite"):
        PICTURE.write_text(picture(flow), "utf-8")

    assert PICTURE.read_text("utf-8") == picture(flow), "make pictures"
