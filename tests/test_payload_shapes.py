"""Webhooks in all shapes in which Twilio sends them: each is answered with words, and none with an error."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from conftest import Twilio
    from werkzeug.test import TestResponse

NUMBER = "+12895550100"
PERSON = "+19055550147"
CALL = {
    "AccountSid": "AC" + "0" * 32,
    "ApiVersion": "2010-04-01",
    "Direction": "inbound",
    "CallStatus": "ringing",
    "From": PERSON,
    "Caller": PERSON,
    "To": NUMBER,
    "Called": NUMBER,
    "FromCity": "HAMILTON",
    "FromState": "ON",
    "FromZip": "",
    "FromCountry": "CA",
}
MESSAGE = {
    "AccountSid": "AC" + "0" * 32,
    "ApiVersion": "2010-04-01",
    "MessageSid": "SM" + "a" * 32,
    "SmsMessageSid": "SM" + "a" * 32,
    "SmsSid": "SM" + "a" * 32,
    "SmsStatus": "received",
    "From": PERSON,
    "To": NUMBER,
    "Body": "signs",
    "NumMedia": "0",
    "NumSegments": "1",
}
TALKING = CALL | {"CallStatus": "in-progress"}
RUNG = "/voice/4/en/person/0/ring/any/1790000000/victim-services"
WHISPER = "/agency/c0ffee/4/en/victim-services"

CALLS = {
    "a call with what nobody has heard of": CALL | {"Sommet": "é\u0001", "AddOns": '{"status":"successful"}'},
    "a call with a token in it": CALL | {"CallToken": "%7B%22a%22%3A%5B%5D%7D", "StirVerstat": "TN-X-A"},
    "a call whose attestation is empty": CALL | {"StirVerstat": ""},
    "a call with a passport": CALL | {"StirPassportToken": "eyJ.eyJ.c2ln", "StirStatus": "B"},
    "a call from a withheld number": CALL | {"From": "anonymous", "Caller": "anonymous", "FromCity": ""},
    "a call from a withheld number, as it was written once": CALL | {"From": "+266696687"},
    "a call from abroad": CALL | {"From": "+442079460147", "FromCountry": "GB"},
    "a call from a SIP address": CALL | {"From": "sip:someone@pbx.example", "SipCallId": "7@pbx"},
    "a call from nobody at all": {"CallSid": "CA" + "b" * 32},
    "a call that a machine answered": CALL | {"AnsweredBy": "machine_start"},
}
KEYS = {
    "a key": TALKING | {"Digits": "1", "FinishedOnKey": "", "msg": "Gather End"},
    "keys ended by pound": TALKING | {"Digits": "12", "FinishedOnKey": "#", "msg": "Gather End"},
    "no key": TALKING | {"Digits": "", "FinishedOnKey": ""},
    "nothing but a key": {"CallSid": "CA" + "b" * 32, "Digits": "4"},
    "a key that is none": TALKING | {"Digits": "hangup"},
    "a key in another script": TALKING | {"Digits": "٣"},
    "speech, for which nobody asked": TALKING | {"SpeechResult": "help me", "Confidence": "0.87"},
}
RINGS = {
    "nobody answered": TALKING | {"DialCallStatus": "no-answer", "DialBridged": "false"},
    "busy": TALKING | {"DialCallStatus": "busy", "DialCallSid": "CA" + "c" * 32},
    "failed": TALKING | {"DialCallStatus": "failed", "ErrorCode": "13224"},
    "talked": TALKING | {"DialCallStatus": "completed", "DialCallDuration": "41", "DialBridged": "true"},
    "over, and not known how": TALKING | {"DialCallStatus": "completed", "DialCallDuration": "9"},
    "the caller hung up": CALL | {"CallStatus": "completed", "DialCallStatus": "completed"},
    "a status that is new": TALKING | {"DialCallStatus": "rerouted"},
    "the least": {"CallSid": "CA" + "b" * 32, "DialCallStatus": "no-answer"},
}
TEXTS = {
    "a text": MESSAGE,
    "pictures only": MESSAGE | {"Body": "", "NumMedia": "2", "MediaUrl0": "https://m.example/0"},
    "a text without a body": {name: MESSAGE[name] for name in ("MessageSid", "From", "To")},
    "a text from a short code": MESSAGE | {"From": "24365"},
    "a text from a name": MESSAGE | {"From": "LIBRARY"},
    "a WhatsApp text": MESSAGE | {"From": f"whatsapp:{PERSON}", "ProfileName": "Zoé 🙂", "WaId": PERSON[1:]},
    "a text through a messaging service": MESSAGE | {"MessagingServiceSid": "MG" + "d" * 32},
    "a stop that Twilio answered": MESSAGE | {"Body": "STOP", "OptOutType": "STOP"},
    "an opt-out that is new": MESSAGE | {"Body": "PAUSE", "OptOutType": "PAUSE"},
}
STATUSES = {
    "a call began": CALL | {"CallStatus": "initiated", "SequenceNumber": "0"},
    "a call ended": CALL | {"CallStatus": "completed", "CallDuration": "63", "Duration": "2"},
    "a call was busy": CALL | {"CallStatus": "busy", "SipResponseCode": "486"},
    "a call failed, in few words": {"CallSid": "CA" + "b" * 32, "CallStatus": "failed"},
    "a call came to nothing that we know": CALL | {"CallStatus": "evaporated"},
    "a verdict on who answered": {"CallSid": "CA" + "b" * 32, "AnsweredBy": "unknown"},
    "no call at all": {"Timestamp": "Mon, 05 Jan 2026 15:00:00 +0000"},
}
SHAPES = [
    pytest.param(path, form, id=f"{path}: {name}")
    for paths, forms in (
        (("/voice",), CALLS),
        (("/voice/2/en/main/0", "/voice/5/en/check-me/0/q/1/1", "/voice/fixed"), KEYS),
        ((RUNG, "/voice/2/en/main/0"), RINGS),
        ((WHISPER, f"{WHISPER}/decided"), KEYS | CALLS),
        (("/sms",), TEXTS),
        (("/voice/status",), STATUSES),
    )
    for path in paths
    for name, form in forms.items()
]


def post(twilio: Twilio, path: str, form: dict[str, str], signature: str | None = None) -> TestResponse:
    """Post a form as it stands, with nothing added to it."""
    signature = signature or twilio.sign(f"{twilio.public_url}{path}", form)
    return twilio.client.post(path, data=form, headers={"X-Twilio-Signature": signature})


@pytest.mark.parametrize(("path", "form"), SHAPES)
def test_a_webhook_of_any_shape_is_answered_with_twiml_or_with_nothing(
    twilio: Twilio, path: str, form: dict[str, str]
) -> None:
    answer = post(twilio, path, form)

    assert answer.status_code == (204 if path == "/voice/status" else 200)
    if answer.status_code == 200:
        assert ET.fromstring(answer.get_data(as_text=True)).tag == "Response"  # noqa: S314 - our own


@pytest.mark.parametrize(("path", "form"), SHAPES)
def test_a_forged_webhook_of_any_shape_is_refused(twilio: Twilio, path: str, form: dict[str, str]) -> None:
    signed_for_another = twilio.sign(f"{twilio.public_url}{path}", form | {"Extra": "1"})

    assert post(twilio, path, form, signed_for_another).status_code == 403


@pytest.mark.parametrize("name", [name for name in CALLS if "answered" not in name])
def test_a_call_of_any_shape_hears_the_choice_of_languages(twilio: Twilio, name: str) -> None:
    words = post(twilio, "/voice", CALLS[name]).get_data(as_text=True)

    assert "For English, press 1." in words
    assert "En français, faites le 2." in words


@pytest.mark.parametrize("name", ["pictures only", "a text without a body", "an opt-out that is new"])
def test_a_text_of_a_shape_without_words_for_us_gets_the_greeting(twilio: Twilio, name: str) -> None:
    assert "911" in post(twilio, "/sms", TEXTS[name]).get_data(as_text=True)
