"""What Twilio's form fields mean in our words. Provider vocabulary ends here."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Literal

from ivr.flow.turn import CameBack, How, Pressed, Silent, Wish, Wished
from ivr.phone_numbers import is_e164
from ivr.transfer.machine import Event, EventType

if TYPE_CHECKING:
    from collections.abc import Mapping

OVER: Mapping[str, How] = {  # How a ring ended that no person accepted.
    "busy": "busy",
    "no-answer": "no_answer",
    "failed": "failed",
    "canceled": "no_answer",
}
ENDED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
# Twilio's codes for: as many calls go on at once as this account may have.
LIMITED = frozenset({"10004", "16021", "86008"})
CLEAR = 0.5  # Of 1. Below it, words are asked for again, by keys.
ERROR_CODE = re.compile(r"[0-9]{5}")
OPT_OUT: Mapping[str, Wish] = {"STOP": "stop", "START": "start", "HELP": "help"}
# What stands for a withheld number: words such as ANONYMOUS, typed on a keypad.
WITHHELD = frozenset({"+266696687", "+86282452253", "+8656696", "+2562533", "+7378742833"})


def ends_ring(form: Mapping[str, str]) -> bool:
    """Whether a webhook of a call tells that a ring of the direct path is over."""
    return "DialCallStatus" in form


def end_of_ring(form: Mapping[str, str], *, accepted: bool, answers_itself: bool) -> CameBack:
    """Make out how a ring of the direct path ended, and whether the caller is still there."""
    how = how_it_ended(form, accepted=accepted, answers_itself=answers_itself)
    return CameBack(how, gone=form.get("CallStatus") in ENDED)


def key_heard(form: Mapping[str, str]) -> Pressed | Silent:
    """Make out which key a caller pressed, if any."""
    digits = form.get("Digits", "")
    return Pressed(digits[-1:]) if digits else Silent()


def words_heard(form: Mapping[str, str]) -> str:
    """Give what a caller said, as Twilio made it out; empty where they said nothing, or pressed a key."""
    return "" if form.get("Digits") else form.get("SpeechResult", "")


def heard_clearly(form: Mapping[str, str]) -> bool:
    """Whether Twilio was sure enough of the words. It does not promise to say: then they are taken."""
    try:
        return float(form.get("Confidence", "1")) >= CLEAR
    except ValueError:
        return True


def how_it_ended(form: Mapping[str, str], *, accepted: bool, answers_itself: bool) -> How:
    """Say how a ring ended. ``accepted``: a person there pressed 1, which only our own record tells.

    DialCallStatus says "completed" of a voicemail as well: it never tells that somebody accepted.
    """
    bridged = form.get("DialBridged", "").lower()
    over = OVER.get(form.get("DialCallStatus", ""))
    if accepted or bridged == "true":
        return "accepted"
    if over:
        return over
    if answers_itself:  # Nobody can press a key there: whoever answered was joined.
        return "accepted"
    return "declined" if bridged == "false" else "in_doubt"


def found_nobody(form: Mapping[str, str]) -> bool:
    """Whether a Dial of a queue ended with nobody joined."""
    bridged = form.get("DialBridged", "").lower()
    return bridged == "false" if bridged else form.get("DialCallStatus", "") in OVER


def opt_out_wish(form: Mapping[str, str]) -> Wished | None:
    """Give the wish that Advanced Opt-Out has already answered, if it has."""
    wish = OPT_OUT.get(form.get("OptOutType", "").upper())
    return Wished(wish, answered=True) if wish else None


PROBE = "Probe"  # A field of `ivr probe`, which signs as Twilio does; Twilio sends none.


def is_probe(form: Mapping[str, str]) -> bool:
    """Whether nobody calls or texts: somebody tries whether the line answers."""
    return bool(form.get(PROBE))


def number_reached(form: Mapping[str, str]) -> str:
    """Give the number of ours that was called or texted; nothing where we rang."""
    return "" if form.get("Direction", "").startswith("outbound") else form.get("To", "")


def sender(form: Mapping[str, str]) -> str:
    """Give the number of whoever calls or texts, from anywhere; nothing when it is withheld.

    A text may also come from a short code: that names somebody too, whom the line neither texts nor rings.
    """
    rung = form.get("Direction", "").startswith("outbound")  # By us: they are at the other end.
    number = form.get("To" if rung else "From", "")
    if "MessageSid" in form and number.isascii() and number.isdigit():
        return number
    return number if is_e164(number) and number not in WITHHELD else ""


def is_forged(form: Mapping[str, str]) -> bool:
    """Whether the caller's phone company says that the number is not theirs (STIR/SHAKEN)."""
    return form.get("StirVerstat", "").startswith("TN-Validation-Failed")


def is_over(form: Mapping[str, str]) -> bool:
    """Whether a status callback tells that the call is over."""
    return form.get("CallStatus") in ENDED


def leg_event(form: Mapping[str, str], attempt: int) -> Event | None:
    """Say what a status callback of an agency's leg tells the machine."""
    status = form.get("CallStatus", "")
    match status:
        case "initiated" | "queued" | "ringing":
            return Event(EventType.RANG, attempt)
        case "in-progress":
            return Event(EventType.ANSWERED, attempt)
        case "completed":  # Somebody was there, and pressed nothing or has talked.
            return Event(EventType.AGENCY_LEFT, attempt, how="no_key")
        case "failed" if form.get("ErrorCode") in LIMITED:
            return Event(EventType.LIMITED, attempt)
        case "busy" | "no-answer" | "failed" | "canceled":
            return Event(EventType.MISSED, attempt, how=OVER[status])
    return None


def queue_seconds(form: Mapping[str, str]) -> int:
    """Give for how long Twilio says that a caller is in the queue; 0 where it does not say."""
    seconds = form.get("QueueTime", "")
    return int(seconds) if seconds.isascii() and seconds.isdecimal() else 0


def delivery(form: Mapping[str, str]) -> str | None:
    """Say why a text of ours did not arrive, by Twilio's code; empty when it did, None while under way."""
    match form.get("MessageStatus"):
        case "delivered" | "read":
            return ""
        case "undelivered" | "failed":
            code = form.get("ErrorCode", "")
            return code if ERROR_CODE.fullmatch(code) else "unknown"
    return None


def debugger_error(form: Mapping[str, str]) -> str:
    """Give the code of an error that Twilio's debugger tells of, and nothing else of it: it quotes forms."""
    try:
        code = json.loads(form.get("Payload", ""))["error_code"]
    except (ValueError, KeyError, TypeError):
        return ""
    return str(code) if ERROR_CODE.fullmatch(str(code)) else ""


def queue_result(form: Mapping[str, str]) -> Literal["talked", "gone", "leave", "lost"]:
    """Say why a caller is no longer in the queue."""
    result = form.get("QueueResult", "")
    if result.startswith("bridg"):
        return "talked"
    if result == "hangup" or form.get("CallStatus") in ENDED:
        return "gone"
    return "leave" if result == "leave" else "lost"
