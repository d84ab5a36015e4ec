"""A keyed hash is HMAC, whatever the key and the message."""

from __future__ import annotations

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sizes import examples

from ivr.pseudonyms import KeyedHash


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
@examples(100)
@given(key=st.binary(max_size=150), messages=st.lists(st.binary(max_size=300), max_size=3))
def test_a_keyed_hash_is_hmac_for_one_message_after_another(
    algorithm: str, key: bytes, messages: list[bytes]
) -> None:
    keyed = KeyedHash(key, algorithm)

    assert [keyed.digest(each) for each in messages] == [
        hmac.digest(key, each, algorithm) for each in messages
    ]
