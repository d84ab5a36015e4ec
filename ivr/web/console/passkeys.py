"""Passkeys: an operator adds one on the page of their sign-in, and signs in with it without password or code.

A passkey is both factors at once: the device that holds it, and the finger, face or PIN that unlocked it
there. One that asks for none of these is neither added nor let in. Each challenge is made for one browser,
lives five minutes, and is answered once; what answers it must name our own address.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, make_response, redirect, request, session, url_for
from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import bytes_to_base64url, parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from ivr.records.operators import find_operator
from ivr.records.passkeys import (
    Passkey,
    add_passkey,
    find_passkey,
    list_passkeys,
    remove_passkey,
    sign_in_by_passkey,
)
from ivr.web.console.context import (
    ask_first,
    console,
    current_operator,
    language,
    notify,
    render_page,
    translations,
)
from ivr.web.console.query_params import names_number
from ivr.web.console.sign_in import may_try, may_try_passkey, note_failure, start

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webauthn.registration.verify_registration_response import VerifiedRegistration
    from werkzeug.wrappers import Response as BaseResponse

    from ivr.records.operators import Operator

blueprint = Blueprint("passkeys", __name__, url_prefix="/console/passkeys")

CHALLENGE = "passkey_challenge"  # In the session, which we sign.
CHALLENGE_SECONDS = 300
SIGN_IN, ADD = "sign in", "add"  # What a challenge is for.
LONGEST_NAME = 64


class PasskeyRefused(Exception):  # noqa: N818 - what happened, as a person would say it
    """What a browser answered is no passkey that we can let in; why, and whose it is, is for the audit."""

    def __init__(self, why: str, who: str = "") -> None:
        super().__init__(why)
        self.who = who


@blueprint.post("/challenge", endpoint="challenge")
def challenge_to_sign_in() -> Response:
    """Give a browser what its passkey has to sign; whose it is, it says itself."""
    options = generate_authentication_options(
        rp_id=console().passkey_host,
        challenge=_new_challenge({"for": SIGN_IN}),
        timeout=CHALLENGE_SECONDS * 1000,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return Response(options_to_json(options), mimetype="application/json")


@blueprint.post("/sign-in", endpoint="sign_in")
def sign_in() -> BaseResponse:
    """Let somebody in by the passkey that answered our challenge."""
    if not may_try_passkey():
        return make_response(render_page("sign_in", wrong="too_often"), 429)
    try:
        operator = _operator_of_answer()
    except PasskeyRefused as refused:
        owner = find_operator(console().database, refused.who) if refused.who else None
        note_failure(owner, f"passkey refused: {refused}", nobody="unknown passkey")
        return make_response(render_page("sign_in", wrong="passkey_refused"), 401)
    return start(operator)


@blueprint.post("/new", endpoint="new")
def challenge_to_add() -> Response:
    """Give a browser what a new passkey is made from, if the password is right and the name does."""
    operator, name = current_operator(), " ".join(request.form.get("name", "").split())[:LONGEST_NAME]
    if not name or names_number(name):
        return _fault("passkey_unfit", 400)
    if not may_try(operator.name, operator):
        return _fault("too_often", 429)
    if not console().passwords.knows(operator.password, request.form.get("password", "")):
        note_failure(operator, "wrong password for a new passkey")
        return _fault("wrong_password", 403)
    handle = secrets.token_bytes(32)
    kept = {"for": ADD, "who": operator.name, "name": name, "handle": bytes_to_base64url(handle)}
    options = generate_registration_options(
        rp_id=console().passkey_host,
        rp_name=console().flow.line.name,
        user_name=operator.name,
        user_id=handle,
        challenge=_new_challenge(kept),
        timeout=CHALLENGE_SECONDS * 1000,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            require_resident_key=True,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[
            PublicKeyCredentialDescriptor(base64url_to_bytes(each.id))
            for each in list_passkeys(console().database, operator.name)
        ],
    )
    return Response(options_to_json(options), mimetype="application/json")


@blueprint.post("", endpoint="add")
def add() -> BaseResponse:
    """Take a passkey into use that was made for our challenge."""
    try:
        name = _add_answer(current_operator().name)
    except PasskeyRefused:
        notify("passkey_not_added", "danger")
    else:
        notify("passkey_added", name=name)
    return redirect(url_for("account.show"), 303)


@blueprint.post("/remove", endpoint="remove")
def remove() -> BaseResponse | str:
    """Let nobody in by a passkey of this operator any more."""
    operator = current_operator()
    known = find_passkey(console().database, request.form.get("passkey", ""))
    if known and known.who == operator.name:
        if question := ask_first("confirm_passkey", url_for("account.show"), name=known.name):
            return question
        if remove_passkey(console().database, operator.name, known.id):
            notify("passkey_removed", name=known.name)
    return redirect(url_for("account.show"), 303)


def _new_challenge(kept: Mapping[str, str]) -> bytes:
    """Make a challenge, and keep it for this browser with what it is for."""
    challenge = secrets.token_bytes(32)
    session[CHALLENGE] = {**kept, "challenge": bytes_to_base64url(challenge), "at": console().now()}
    return challenge


def _take_challenge(wanted: str) -> dict[str, Any]:
    """Give the challenge of this browser, once; PasskeyRefused without one, or when it is too old."""
    kept = session.pop(CHALLENGE, None)
    if not kept or kept["for"] != wanted:
        raise PasskeyRefused("no challenge was asked for")
    if not 0 <= console().now() - kept["at"] <= CHALLENGE_SECONDS:
        raise PasskeyRefused("the challenge is too old")
    return dict(kept)


def _operator_of_answer() -> Operator:
    """Give the operator whose passkey answered the challenge of this browser; it is spent."""
    challenge, now = _take_challenge(SIGN_IN), console().moment
    passkey, count = _answer(challenge, request.form.get("credential", ""))
    if not sign_in_by_passkey(console().database, passkey, count, challenged_at=challenge["at"], now=now):
        raise PasskeyRefused("disabled, or its counter or challenge was seen before", passkey.who)
    operator = find_operator(console().database, passkey.who)
    if operator is None or not operator.session_key:
        raise PasskeyRefused("a code has to come first", passkey.who)
    return operator


def _add_answer(who: str) -> str:
    """Add the passkey that was made for the challenge of this browser, and give its name."""
    challenge = _take_challenge(ADD)
    made = _made(challenge, request.form.get("credential", ""))
    passkey = Passkey(
        id=bytes_to_base64url(made.credential_id),
        who=who,
        handle=challenge["handle"],
        name=challenge["name"],
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        challenged_at=challenge["at"],
        added_at=console().moment,
        used_at=None,
    )
    if challenge["who"] != who or not add_passkey(console().database, passkey):
        raise PasskeyRefused("known already, too many, or asked for by somebody else", who)
    return passkey.name


def _answer(challenge: Mapping[str, Any], given: str) -> tuple[Passkey, int]:
    """Give the passkey that signed a challenge, and what its counter says now."""
    try:
        credential = parse_authentication_credential_json(given)
    except (WebAuthnException, ValueError) as fault:
        raise PasskeyRefused("no answer of a passkey") from fault
    passkey = find_passkey(console().database, credential.id)
    if passkey is None or passkey.handle != bytes_to_base64url(credential.response.user_handle or b""):
        raise PasskeyRefused("none that we know")
    try:
        verified = verify_authentication_response(
            credential=credential,
            expected_challenge=base64url_to_bytes(challenge["challenge"]),
            expected_rp_id=console().passkey_host,
            expected_origin=console().origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=0,  # The records compare it as they note it.
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError) as fault:
        raise PasskeyRefused("the answer is not right", passkey.who) from fault
    return passkey, verified.new_sign_count


def _made(challenge: Mapping[str, Any], given: str) -> VerifiedRegistration:
    """Give what a new passkey is known by."""
    try:
        return verify_registration_response(
            credential=given,
            expected_challenge=base64url_to_bytes(challenge["challenge"]),
            expected_rp_id=console().passkey_host,
            expected_origin=console().origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError) as fault:
        raise PasskeyRefused("not made for us") from fault


def _fault(key: str, status: int) -> Response:
    """Say to the script why nothing is made: it shows the sentence."""
    return make_response({"fault": translations(language())[key]}, status)
