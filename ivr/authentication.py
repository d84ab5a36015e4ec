"""How operators prove who they are: a password, a code of the moment, or a recovery code.

The key of the second factor is made of a random seed, which is stored, and the environment's secret, which is
not: a thief of the database has half of it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ivr.encryption import seal, unseal

if TYPE_CHECKING:
    from collections.abc import Sequence

SHORTEST_PASSWORD = 12
WALL_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ23456789"  # None is taken for another when it is typed from a screen.
WALL_TOKEN_LENGTH = 20
STEP_SECONDS = 30
RECOVERY_CODES = 8
KEYED = "k:"  # Begins the hash of a recovery code that was made under a key.


def first_password() -> str:
    """Make a password for a first sign-in; it is good until another is chosen."""
    return secrets.token_urlsafe(12)


class FeedbackLink(NamedTuple):
    """What a link says that we made for an agency."""

    agency: str
    id: str  # At random; it opens nothing.
    until: date


class Passwords:
    """Hashes passwords by argon2, and knows them again."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        """``hasher``: how dear a hash is; without one as dear as argon2 advises."""
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_hex())

    def hash(self, password: str) -> str:
        """Hash a password, for storing."""
        return self._hasher.hash(password)

    def knows(self, stored: str, password: str) -> bool:
        """Whether a password is the one that was hashed; an empty hash is nobody's.

        An unknown name takes as long as a wrong password.
        """
        try:
            return self._hasher.verify(stored or self._nobody, password) and bool(stored)
        except (VerificationError, InvalidHashError):
            return False


def second_key(secrets: Sequence[str], seed: str) -> str:
    """Make the key of a second factor, in base32. Of two secrets the last made it, or either sealed it."""
    if sealed := unseal(secrets, seed.encode()):
        return sealed.decode()
    secret = next(each for each in reversed(secrets) if each)
    made = hmac.new(secret.encode(), b"second factor:" + seed.encode(), hashlib.sha256).digest()
    return base64.b32encode(made[:20]).decode()


def carry_seed(secret: str, old_secret: str, seed: str) -> str:
    """Give a seed from which the new secret alone makes the same key: no authenticator notices."""
    if unseal((secret,), seed.encode()):
        return seed  # Done before, on another host.
    return seal(secret, second_key((secret, old_secret), seed).encode()).decode()


def enrolment(key: str, name: str) -> str:
    """Give the address that an authenticator reads from a QR code."""
    return pyotp.TOTP(key).provisioning_uri(name=name, issuer_name="The line")


def step_of(key: str, code: str, now: float) -> int:
    """Say which time step a code is of, the last and the next allowed for; 0 when of none."""
    made = pyotp.TOTP(key)
    for step in range(int(now // STEP_SECONDS) - 1, int(now // STEP_SECONDS) + 2):
        if same(made.generate_otp(step), code):
            return step
    return 0


def new_recovery() -> tuple[str, ...]:
    """Make recovery codes, each good once."""
    return tuple(secrets.token_hex(5) for _ in range(RECOVERY_CODES))


def hash_recovery(secret: str, seed: str, code: str) -> str:
    """Hash a recovery code under a key: its 40 random bits alone could be tried by a thief of the records."""
    bare = hashlib.sha256(b"recovery:" + code.strip().lower().encode()).hexdigest()
    return key_recovery(secret, seed, bare)


def key_recovery(secret: str, seed: str, stored: str) -> str:
    """Put a key over a hash that was stored without one; what has its key stays as it is."""
    if stored.startswith(KEYED):
        return stored
    return KEYED + _digest(secret, "recovery", seed, stored)


def session_proof(key: str, purpose: str, epoch: int, name: str) -> str:
    """Make what only a session has that we began: its key lies with the operator, and nowhere else."""
    return _digest(key, purpose, str(epoch), name)


def device_proof(secret: str, seed: str, device: str, name: str) -> str:
    """Make what a browser keeps in which somebody signed in; a reset of the operator ends it."""
    return _digest(secret, "device", seed, device, name)


def keyed_mark(secret: str, *parts: str) -> str:
    """Make a mark that tells whoever reads it nothing of what it was made from."""
    return _digest(secret, "mark", *parts)


def new_wall_token() -> str:
    """Make a token that a screen on a wall proves itself by: 98 random bits, to be typed by hand."""
    letters = "".join(secrets.choice(WALL_LETTERS) for _ in range(WALL_TOKEN_LENGTH))
    return "-".join(letters[at : at + 4] for at in range(0, WALL_TOKEN_LENGTH, 4))


def hash_wall_token(token: str) -> str:
    """Hash a token however it was typed; with so many random bits none is found by trying."""
    letters = "".join(each for each in token.upper() if each in WALL_LETTERS)
    return hashlib.sha256(b"wall token:" + letters.encode()).hexdigest()


def make_feedback_token(secret: str, agency: str, until: date) -> str:
    """Make what an agency's link proves itself by: for one agency, until the end of a day."""
    link = secrets.token_hex(12)
    return ".".join((agency, f"{until}", link, _digest(secret, "feedback", agency, f"{until}", link)[:32]))


def read_feedback_token(known: Sequence[str], token: str) -> FeedbackLink | None:
    """Read a token that was made under one of some secrets, also one whose day is over; None: it was not."""
    match token.split("."):
        case [agency, until, link, proof]:
            made = (_digest(secret, "feedback", agency, until, link)[:32] for secret in known if secret)
            if any(same(proof, each) for each in made):
                return FeedbackLink(agency, link, date.fromisoformat(until))
    return None


def new_session_token() -> str:
    """Make the token of a session: it stands in its cookie, and its hash in the records."""
    return secrets.token_hex(16)


def hash_session_token(token: str) -> str:
    """Hash the token of a session; with so many random bits none is found by trying."""
    return hashlib.sha256(b"session token:" + token.encode()).hexdigest()


def same(one: str, other: str) -> bool:
    """Whether two texts are the same, compared in constant time, whatever letters are in them."""
    return hmac.compare_digest(one.encode(), other.encode())


def _digest(secret: str, *parts: str) -> str:
    """Hash parts under a key; the length of each is in it, so that none runs into the next."""
    message = "".join(f"{len(part)}:{part}" for part in parts)
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()
