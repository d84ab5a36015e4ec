"""How operators prove who they are: a password, a code of the moment, or a recovery code.

The key of the second factor is made of a random seed, which is stored, and the environment's secret, which is
not: a thief of the database has half of it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST_PASSWORD = 12
STEP_SECONDS = 30
RECOVERY_CODES = 8
_HASHER = PasswordHasher()
_NOBODY = _HASHER.hash(secrets.token_hex())  # An unknown name takes as long as a wrong password.


def first_password() -> str:
    """Make a password for a first sign-in; it is good until another is chosen."""
    return secrets.token_urlsafe(12)


def hash_password(password: str) -> str:
    """Hash a password by argon2, for storing."""
    return _HASHER.hash(password)


def knows_password(stored: str, password: str) -> bool:
    """Whether a password is the one that was hashed; an empty hash is nobody's."""
    try:
        return _HASHER.verify(stored or _NOBODY, password) and bool(stored)
    except (VerificationError, InvalidHashError):
        return False


def second_key(secret: str, seed: str) -> str:
    """Make the key of a second factor, in base32."""
    made = hmac.new(secret.encode(), b"second factor:" + seed.encode(), hashlib.sha256).digest()
    return base64.b32encode(made[:20]).decode()


def enrolment(key: str, name: str) -> str:
    """Give the address that an authenticator reads from a QR code."""
    return pyotp.TOTP(key).provisioning_uri(name=name, issuer_name="The line")


def step_of(key: str, code: str, now: float) -> int:
    """Say which time step a code is of, the last and the next allowed for; 0 when of none."""
    made = pyotp.TOTP(key)
    for step in range(int(now // STEP_SECONDS) - 1, int(now // STEP_SECONDS) + 2):
        if hmac.compare_digest(made.generate_otp(step), code):
            return step
    return 0


def new_recovery() -> tuple[str, ...]:
    """Make recovery codes, each good once."""
    return tuple(secrets.token_hex(5) for _ in range(RECOVERY_CODES))


def hash_recovery(code: str) -> str:
    """Hash a recovery code: it has 40 random bits of its own, and guesses are counted."""
    return hashlib.sha256(b"recovery:" + code.strip().lower().encode()).hexdigest()
