"""Keys, the vault and the tokens: what an installation's secret turns into."""

import re
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.security.derive import derive, mint_secret_key
from hub.security.keys import (
    KEY_PATTERN,
    PREFIXES,
    KeyKind,
    derive_key,
    hash_key,
    hint_of,
    is_wellformed,
    kind_of,
)
from hub.security.tokens import SEAL_LENGTH, Tokens
from hub.security.vault import Undecryptable, Vault

OLD = "an old secret of this installation, long enough"
NEW = "the new secret of this installation, long enough"
OPERATION = UUID("019abcde-0000-7000-8000-000000000001")
PHARMACY = UUID("019abcde-0000-7000-8000-000000000002")
NOON = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
KINDS: tuple[KeyKind, ...] = ("pharmacy", "operator", "integrator")


# Keys


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_is_derived_again_from_the_same_operation(kind: KeyKind) -> None:
    key = derive_key(NEW, OPERATION, kind)
    assert key == derive_key(NEW, OPERATION, kind)
    assert key.startswith(PREFIXES[kind])
    assert kind_of(key) == kind


def test_no_two_operations_kinds_or_installations_share_a_key() -> None:
    keys = {
        derive_key(secret, one, kind)[4:] for secret in (OLD, NEW) for one in (OPERATION, uuid4()) for kind in KINDS
    }
    assert len(keys) == 2 * 2 * len(KINDS)


def test_a_key_has_the_shape_that_scanners_look_for() -> None:
    text = f"curl -H 'X-API-KEY: {derive_key(NEW, OPERATION)}' https://hub.example"
    assert re.findall(KEY_PATTERN, text) == [derive_key(NEW, OPERATION)]


@given(position=st.integers(0, 42), letter=st.characters())
def test_a_typo_is_not_wellformed(position: int, letter: str) -> None:
    key = derive_key(NEW, OPERATION)
    typo = key[:position] + letter + key[position + 1 :]
    assert is_wellformed(typo) is (typo == key)


@pytest.mark.parametrize(
    "key",
    ["", "phk_", "pho_" + "0" * 39, "phk_" + "0" * 39, "phk_" + "é" * 39, "phk_" + "0" * 100_000, "\ud800", "phk_\0"],
)
def test_what_is_no_key_is_not_wellformed(key: str) -> None:
    assert not is_wellformed(key)
    assert len(hash_key(key)) == 32


def test_a_key_with_a_line_end_cut_or_with_another_prefix_is_not_wellformed() -> None:
    key = derive_key(NEW, OPERATION)
    for other in (key + "\n", " " + key, key[:-1], key + "0", "pho_" + key[4:], key.upper()):
        assert not is_wellformed(other)


def test_a_key_is_told_from_others_by_its_last_four_characters() -> None:
    key = derive_key(NEW, OPERATION)
    assert hint_of(key) == key[-4:]


def test_purposes_do_not_share_bytes() -> None:
    assert len({derive(NEW, purpose, one) for purpose in ("a", "b") for one in (None, OPERATION)}) == 4
    assert derive(NEW, "a", length=64)[:32] == derive(NEW, "a")


def test_a_minted_secret_key_is_long_and_new() -> None:
    assert len(mint_secret_key()) == 64
    assert mint_secret_key() != mint_secret_key()


# The vault


@given(st.binary(max_size=200), st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_what_is_encrypted_comes_back(plaintext: bytes, aad: str) -> None:
    vault = Vault(NEW)
    ciphertext = vault.encrypt(plaintext, aad)
    assert vault.decrypt(ciphertext, aad) == plaintext
    assert len(ciphertext) == len(plaintext) + 29


def test_the_same_secret_looks_different_each_time() -> None:
    vault = Vault(NEW)
    assert vault.encrypt(b"x", "a") != vault.encrypt(b"x", "a")


def test_a_ciphertext_does_not_open_in_another_row() -> None:
    vault = Vault(NEW)
    with pytest.raises(Undecryptable, match="endpoint:2"):
        vault.decrypt(vault.encrypt(b"whsec_x", "endpoint:1"), "endpoint:2")


def test_any_changed_or_missing_byte_is_noticed() -> None:
    vault = Vault(NEW)
    ciphertext = vault.encrypt(b"content", "a")
    for position in range(len(ciphertext)):
        changed = bytearray(ciphertext)
        changed[position] ^= 1
        for broken in (bytes(changed), ciphertext[:position]):
            with pytest.raises(Undecryptable):
                vault.decrypt(broken, "a")


def test_after_a_rotation_old_ciphertexts_open_and_new_ones_are_of_the_new_secret() -> None:
    old = Vault(OLD).encrypt(b"kept", "a")
    rotated = Vault(NEW, [OLD])
    assert rotated.decrypt(old, "a") == b"kept"
    rewritten = rotated.encrypt(b"kept", "a")
    assert rotated.renew_text(Vault(NEW).encrypt_text("kept", "a"), "a") is None
    assert Vault(NEW).decrypt(rewritten, "a") == b"kept"
    with pytest.raises(Undecryptable):
        Vault(NEW).decrypt(old, "a")


def test_two_secrets_with_one_key_id_are_both_tried() -> None:
    wanted = derive(NEW, "vault-id:at-rest", length=1)
    twin = next(
        s for n in range(10_000) if derive(s := f"another secret number {n:20}", "vault-id:at-rest", length=1) == wanted
    )
    old = Vault(twin).encrypt(b"kept", "a")
    assert Vault(NEW, [twin]).decrypt(old, "a") == b"kept"


def test_purposes_of_vaults_are_apart() -> None:
    with pytest.raises(Undecryptable):
        Vault(NEW, purpose="seal").decrypt(Vault(NEW).encrypt(b"x", "a"), "a")


def test_text_travels_as_base64() -> None:
    vault = Vault(NEW)
    text = vault.encrypt_text("whsec_é", "a")
    assert len(b64decode(text, validate=True)) == 29 + len("whsec_é".encode())
    assert vault.decrypt_text(text, "a") == "whsec_é"
    for broken in ("", "???", text[:-4], "é"):
        with pytest.raises(Undecryptable):
            vault.decrypt_text(broken, "a")


# Accepted tokens


def test_an_accepted_token_tells_when_to_the_microsecond() -> None:
    token = Tokens(NEW).accepted_token(OPERATION, PHARMACY, NOON)
    assert re.fullmatch(r"[0-9]+\.[0-9A-Za-z_-]{44}", token)
    assert Tokens(NEW).accepted_at(token, OPERATION) == NOON


def test_an_accepted_token_is_bound_to_its_operation_and_its_time() -> None:
    tokens = Tokens(NEW)
    token = tokens.accepted_token(OPERATION, PHARMACY, NOON)
    stamp, _, mac = token.partition(".")
    assert tokens.accepted_at(token, uuid4()) is None
    assert tokens.accepted_at(f"{int(stamp) + 1}.{mac}", OPERATION) is None
    assert tokens.accepted_at(f"0{token}", OPERATION) is None
    assert Tokens(OLD).accepted_at(token, OPERATION) is None
    assert Tokens(OLD, [NEW]).accepted_at(token, OPERATION) == NOON


def test_an_accepted_token_is_bound_to_its_pharmacy() -> None:
    tokens = Tokens(NEW)
    token = tokens.accepted_token(OPERATION, PHARMACY, NOON)
    assert tokens.is_accepted_for(token, OPERATION, PHARMACY)
    assert Tokens(OLD, [NEW]).is_accepted_for(token, OPERATION, PHARMACY)
    for operation, pharmacy in ((OPERATION, uuid4()), (uuid4(), PHARMACY), (PHARMACY, OPERATION)):
        assert not tokens.is_accepted_for(token, operation, pharmacy)
    # One half does not stand for the other.
    stamp, _, mac = token.partition(".")
    assert not tokens.is_accepted_for(f"{stamp}.{mac[:22]}{mac[:22]}", OPERATION, PHARMACY)
    assert tokens.accepted_at(f"{stamp}.{mac[22:]}{mac[22:]}", OPERATION) is None
    assert not tokens.is_accepted_for(token[:-1], OPERATION, PHARMACY)


@given(st.text())
def test_any_text_may_be_asked_for_a_token(text: str) -> None:
    assert Tokens(NEW).accepted_at(text, OPERATION) is None
    assert Tokens(NEW).unseal(text, "ticket", NOON) is None


@pytest.mark.parametrize(
    "token", ["1." + "A" * 44, "9" * 17 + "." + "A" * 44, "1.5." + "A" * 44, "٣." + "A" * 44, "1." + "A" * 22, "1."]
)
def test_a_guessed_token_is_refused(token: str) -> None:
    assert Tokens(NEW).accepted_at(token, OPERATION) is None


# Seals


@pytest.mark.parametrize("value", [{"after": ["2026-01-01", "é"]}, [], 0, "", False, [None, 1.5]])
def test_a_sealed_value_comes_back(value: object) -> None:
    sealed = Tokens(NEW).seal(value, "cursor:a")
    assert re.fullmatch(r"[0-9A-Za-z_-]+", sealed)
    assert Tokens(NEW).unseal(sealed, "cursor:a", NOON) == value


def test_a_seal_opens_for_its_purpose_only() -> None:
    sealed = Tokens(NEW).seal([1], "cursor:a:sales")
    assert Tokens(NEW).unseal(sealed, "cursor:b:sales", NOON) is None
    assert Tokens(OLD).unseal(sealed, "cursor:a:sales", NOON) is None
    assert Tokens(OLD, [NEW]).unseal(sealed, "cursor:a:sales", NOON) == [1]


def test_a_seal_expires_at_its_moment() -> None:
    sealed = Tokens(NEW).seal("x", "ticket", NOON + timedelta(seconds=30))
    assert Tokens(NEW).unseal(sealed, "ticket", NOON + timedelta(seconds=30, microseconds=-1)) == "x"
    assert Tokens(NEW).unseal(sealed, "ticket", NOON + timedelta(seconds=30)) is None


def test_a_seal_has_one_spelling() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    tokens = Tokens(NEW)
    for value in ("", "a", "ab", "abc"):
        sealed = tokens.seal(value, "ticket")
        opens = [tokens.unseal(sealed[:-1] + last, "ticket", NOON) is not None for last in alphabet]
        assert opens.count(True) == 1
        for other in (sealed + "=", sealed + "\n", sealed + "A", " " + sealed, sealed[:-1]):
            assert tokens.unseal(other, "ticket", NOON) is None


def test_a_seal_that_is_too_long_is_neither_made_nor_read() -> None:
    with pytest.raises(ValueError, match="at most"):
        Tokens(NEW).seal("x" * SEAL_LENGTH, "cursor")
    assert Tokens(NEW).unseal("A" * 1_000_000, "cursor", NOON) is None


def test_no_token_shows_its_content() -> None:
    assert b"secret" not in b64decode(Tokens(NEW).seal("secret", "t").replace("-", "+").replace("_", "/") + "==")
