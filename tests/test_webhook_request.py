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
from werkzeug.exceptions import ClientDisconnected
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from ivr.telephony.signature import SignatureValidator
from ivr.web.webhook_request import WebhookRequest, read_form

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

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


@examples(500)
@given(body=RAW)
def test_any_body_is_read_as_werkzeug_reads_it(body: bytes) -> None:
    assert read_form(body) == Request(asked(body)).form


@examples(200)
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


def test_a_form_of_parts_is_read_too() -> None:
    built = EnvironBuilder("/voice", method="POST", data={"Digits": "1", "file": (BytesIO(b"x"), "x.txt")})

    with WebhookRequest(built.get_environ()) as request:
        body, form, files = request.body, request.form, list(request.files)

    assert b"Digits" in body
    assert (form["Digits"], files) == ("1", ["file"])


def test_what_is_no_form_has_no_fields() -> None:
    request = WebhookRequest(asked(b'{"Digits": "1"}', "application/json"))

    assert not request.form
    assert request.body == b'{"Digits": "1"}'


def test_a_body_that_is_cut_off_is_no_form() -> None:
    request = WebhookRequest(asked(b"Digits=1") | {"CONTENT_LENGTH": "20"})

    with pytest.raises(ClientDisconnected):
        _ = request.form


@examples(200)
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
