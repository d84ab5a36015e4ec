"""A form is read, and its signature told, as Werkzeug and Twilio's library do: only sooner."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sizes import examples
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import ImmutableMultiDict, MultiDict
from werkzeug.exceptions import BadRequestKeyError, ClientDisconnected
from werkzeug.test import EnvironBuilder, run_wsgi_app
from werkzeug.wrappers import Request, Response

from ivr.telephony.signature import SignatureValidator
from ivr.web.webhook_request import TwimlResponse, WebhookRequest, read_form

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from conftest import Twilio

PIECES = [
    "a",
    "é",
    "=",
    "&",
    "&&",
    "+",
    "%",
    "%2B",
    "%25",
    "%2b",
    "%252B",
    "%%2B",
    "%C3%A9",
    "%C3",
    "%ff",
    " ",
]
RAW = st.lists(st.sampled_from([each.encode() for each in PIECES] + [b"\xff"])).map(b"".join) | st.binary()
FIELDS = st.lists(st.tuples(st.text(), st.text()))
TOKENS = ("a token", "the token before")
PLACES = ("https://line.example", "https://line.example:443", "http://127.0.0.1:8000", "http://127.0.0.1")


def asked(body: bytes, kind: str = "application/x-www-form-urlencoded") -> WSGIEnvironment:
    return EnvironBuilder("/voice", method="POST", data=body, content_type=kind).get_environ()


@examples(200)
@given(body=RAW)
def test_any_body_is_read_as_werkzeug_reads_it(body: bytes) -> None:
    assert read_form(body) == Request(asked(body)).form


@examples(100)
@given(fields=FIELDS)
def test_whatever_is_written_in_a_form_is_read_from_it(fields: list[tuple[str, str]]) -> None:
    form = read_form(urlencode(fields).encode())

    assert form == ImmutableMultiDict(fields)
    assert list(form.items(multi=True)) == list(ImmutableMultiDict(fields).items(multi=True))


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded; charset=UTF-8", "APPLICATION/X-WWW-FORM-URLENCODED"]
)
def test_a_form_is_one_however_its_kind_is_written(kind: str) -> None:
    request = WebhookRequest(asked(b"Digits=1&From=%2B19055550123", kind))

    assert request.form.to_dict() == {"Digits": "1", "From": "+19055550123"}
    assert not request.files


def test_a_form_of_parts_is_none_of_twilios_and_has_no_fields() -> None:
    built = EnvironBuilder("/voice", method="POST", data={"Digits": "1", "file": (BytesIO(b"x"), "x.txt")})

    with WebhookRequest(built.get_environ()) as request:
        body, form, files = request.body, request.form, request.files

    assert b"Digits" in body
    assert (dict(form), dict(files)) == ({}, {})


def test_what_is_no_form_has_no_fields() -> None:
    request = WebhookRequest(asked(b'{"Digits": "1"}', "application/json"))

    assert not request.form
    assert request.body == b'{"Digits": "1"}'


def test_a_body_that_is_cut_off_is_no_form() -> None:
    request = WebhookRequest(asked(b"Digits=1") | {"CONTENT_LENGTH": "20"})

    with pytest.raises(ClientDisconnected):
        _ = request.form


@examples(100)
@given(
    fields=FIELDS,
    there=st.sampled_from(PLACES),
    here=st.sampled_from(PLACES),
    token=st.sampled_from([*TOKENS, "a stranger's"]),
    spoilt=st.booleans(),
)
def test_a_signature_holds_where_twilios_library_says_so(
    fields: list[tuple[str, str]], there: str, here: str, token: str, *, spoilt: bool
) -> None:
    form = MultiDict(fields)
    signature = RequestValidator(token).compute_signature(f"{there}/voice", form) + ("=" if spoilt else "")

    known = SignatureValidator(here, *TOKENS).check("/voice", form, signature)

    assert known is any(RequestValidator(each).validate(f"{here}/voice", form, signature) for each in TOKENS)


@pytest.mark.parametrize("signature", ["", "é", "\udcff", "=" * 28])
def test_whatever_stands_for_a_signature_is_none(signature: str) -> None:
    assert not SignatureValidator(PLACES[0], *TOKENS).check("/voice", {"Digits": "1"}, signature)


def test_a_field_that_is_not_there_is_its_default_and_no_fault() -> None:
    form = read_form(b"Digits=1&Digits=2")

    assert [form.get("Digits"), form.get("From"), form.get("From", ""), form.get("Digits", 0, type=int)] == [
        "1",
        None,
        "",
        1,
    ]
    with pytest.raises(BadRequestKeyError):
        _ = form["From"]


def test_a_document_is_sent_as_werkzeug_sends_it() -> None:
    environ, words = asked(b"Digits=1"), "<Response><Say>Bonjour, ça va ?</Say></Response>"
    document, plain = TwimlResponse(words), Response(words, mimetype="text/xml")
    for each in (document, plain):
        each.set_cookie("p", "position", max_age=60, httponly=True, samesite="Lax")

    sent, expected = (run_wsgi_app(each, environ) for each in (document, plain))

    assert (b"".join(sent[0]), sent[1], list(sent[2])) == (
        b"".join(expected[0]),
        expected[1],
        list(expected[2]),
    )


def test_what_is_to_happen_after_a_document_happens() -> None:
    done: list[str] = []
    document = TwimlResponse("<Response/>")
    document.call_on_close(lambda: done.append("closed"))

    sent, _, _ = run_wsgi_app(document, asked(b""), buffered=True)

    assert (b"".join(sent), done) == (b"<Response/>", ["closed"])


@pytest.mark.parametrize("host", ["line.example", "another.example:8443", "not a host", ""])
def test_a_webhook_is_answered_whatever_its_sender_calls_our_host(twilio: Twilio, host: str) -> None:
    form = {"CallSid": "CA1", "From": "+19055550123"}
    signed = {"X-Twilio-Signature": twilio.sign(f"{twilio.public_url}/voice", form), "Host": host}

    answer = twilio.client.post("/voice", data=form, headers=signed)

    assert answer.status_code == 200
    assert "<Gather" in answer.text


def test_an_address_with_letters_of_any_script_is_none_of_ours_and_no_fault(twilio: Twilio) -> None:
    assert twilio.client.get("/voicé/%ff").status_code == 404
    assert twilio.client.post("//voice//en", data={"Digits": "1"}).status_code == 404
