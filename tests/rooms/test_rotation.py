"""A new secret of the installation: what the old one encrypted opens, comes under the new one, and nothing is lost."""

import ast
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
from pydantic import SecretStr

from hub.faults import SettingsError
from hub.security.derive import derive
from hub.security.vault import Undecryptable, Vault, endpoint_aad, operator_aad, source_aad
from hub.settings import Settings, load_settings
from hub.storage import sealed
from hub.storage.database import credentials_of, open_database
from hub.storage.sealed import SEALED, rotate
from tests.kit.processes import environment_of

ROOT = Path(__file__).parents[2]
OLD, OLDER, NEW = "the old secret of this house 0123456789", "an older secret of this house 0123456", "n" * 40
ENDPOINTS = 7


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """The owner's connection."""
    connection = await asyncpg.connect(**credentials_of(database_url))
    yield connection
    await connection.close()


async def fill(owner: asyncpg.Connection) -> dict[str, str]:
    """Store secrets under three secrets of the installation; gives the plaintexts by place."""
    kept: dict[str, str] = {}

    def seal(secret: str, place: str, text: str) -> str:
        kept[f"{place} {text}"] = text
        return Vault(secret).encrypt_text(text, place)

    for number in range(ENDPOINTS):
        one, place = uuid4(), ""
        place = endpoint_aad(one)
        before = {"secret": seal(OLDER, place, "before"), "valid_until": "2026-11-24T12:00:00Z"}
        await owner.execute(
            "INSERT INTO webhook_endpoints (id, created_at, updated_at, version, pharmacy_id, url, secret, event_types, enabled, is_default, "
            "description, deleted_at, auth, previous_secrets) VALUES ($1, now(), now(), 3, $2, 'https://x.example', $3, '[\"*\"]', true, false, '', "
            "CASE WHEN $6 THEN now() END, $4, $5)",
            one, uuid4(), seal(OLD, place, f"whsec_{number}"), seal(NEW, place, "auth") if number % 2 else None, orjson.dumps([before]).decode(),
            number == 0,
        )  # fmt: skip
    one = uuid4()
    await owner.execute(
        "INSERT INTO sources (id, created_at, updated_at, version, pharmacy_id, name, scheme, secret, event_type_path, mapping, enabled, "
        "previous_secret) VALUES ($1, now(), now(), 1, $2, 's', 'standard', $3, '/type', '{}', true, $4)",
        one, uuid4(), seal(OLD, source_aad(one), "source"), seal(OLDER, source_aad(one), "source before"),
    )  # fmt: skip
    one = uuid4()
    await owner.execute(
        "INSERT INTO operators (id, created_at, updated_at, version, username, name, role, totp, epoch, is_active) "
        "VALUES ($1, now(), now(), 1, 'op', 'op', 'admin', $2, 0, true)",
        one, seal(OLD, operator_aad(one), "totp"),
    )  # fmt: skip
    return kept


async def opened(owner: asyncpg.Connection, vault: Vault) -> dict[str, str]:
    """Open every ciphertext there is; gives the plaintexts by place."""
    found: dict[str, str] = {}
    for table in SEALED:
        for record in await owner.fetch(f"SELECT * FROM {table.table}"):
            place = table.aad(UUID(str(record["id"])))
            texts = [record[column] for column in table.texts]
            texts += [one["secret"] for column in table.lists for one in orjson.loads(record[column])]
            for text in filter(None, texts):
                plain = vault.decrypt_text(text, place)
                found[f"{place} {plain}"] = plain
    return found


async def test_what_three_secrets_encrypted_comes_under_the_newest_and_stays_the_same(
    owner: asyncpg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealed, "BATCH", 3)  # several batches
    kept = await fill(owner)
    both = Vault(NEW, [OLD, OLDER])
    assert await opened(owner, both) == kept
    with pytest.raises(Undecryptable):
        await opened(owner, Vault(NEW))
    async with open_database(database_url, "hub_write", pool=1) as database:
        counted = await rotate(database, both, dry_run=True)
        with pytest.raises(Undecryptable):
            await opened(owner, Vault(NEW))
        done = await rotate(database, both)
        assert counted == done
        assert (done["webhook_endpoints"].renewed, done["webhook_endpoints"].current) == (2 * ENDPOINTS, ENDPOINTS // 2)
        assert (done["sources"].renewed, done["operators"].renewed) == (2, 1)
        assert await opened(owner, Vault(NEW)) == kept
        again = await rotate(database, both)
    assert sum(told.renewed for told in again.values()) == 0
    assert await owner.fetchval("SELECT sum(version) FROM webhook_endpoints") == 3 * ENDPOINTS, (
        "nothing changed for anybody"
    )


async def test_what_opens_with_no_secret_is_named_and_left_alone(owner: asyncpg.Connection, database_url: str) -> None:
    await fill(owner)
    async with open_database(database_url, "hub_write", pool=1) as database:
        done = await rotate(database, Vault(NEW, [OLD]))
    assert len(done["webhook_endpoints"].unreadable) == ENDPOINTS
    assert done["webhook_endpoints"].renewed == ENDPOINTS
    assert len(await opened(owner, Vault(NEW, [OLDER]))) > ENDPOINTS


def test_a_secret_whose_id_is_the_newest_ones_is_renewed_all_the_same() -> None:
    wanted = derive(NEW, "vault-id:at-rest", length=1)
    names = (f"another secret number {number:20}" for number in range(10_000))
    twin = next(one for one in names if derive(one, "vault-id:at-rest", length=1) == wanted)
    vault = Vault(NEW, [twin])
    renewed = vault.renew_text(Vault(twin).encrypt_text("kept", "a"), "a")
    assert renewed is not None
    assert Vault(NEW).decrypt_text(renewed, "a") == "kept"
    assert vault.renew_text(renewed, "a") is None


async def test_the_command_says_what_it_did(owner: asyncpg.Connection, settings: Settings) -> None:
    await fill(owner)
    told = settings.model_copy(
        update={"secret_key": SecretStr(NEW), "previous_secret_keys": SecretStr(f"{OLD}, {OLDER}")}
    )
    environment = environment_of(told) | {"HUB_SECRET_KEY": NEW, "HUB_PREVIOUS_SECRET_KEYS": f"{OLD}, {OLDER}"}

    def run(*options: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "hub.cli", "secrets", "rotate", *options],
            env=environment, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert f"webhook_endpoints: {2 * ENDPOINTS} to be renewed" in run("--dry-run").stdout
    assert f"webhook_endpoints: {2 * ENDPOINTS} renewed" in run().stdout
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    assert "webhook_endpoints: 0 renewed" in done.stdout
    environment |= {"HUB_SECRET_KEY": "x" * 40, "HUB_PREVIOUS_SECRET_KEYS": ""}
    lost = run()
    assert lost.returncode == 1
    assert "opens with no secret" in lost.stderr
    assert not any(secret in lost.stdout + lost.stderr + done.stdout for secret in (OLD, OLDER, NEW))


async def test_every_column_that_a_pharmacy_must_not_read_is_a_hash_or_known_to_the_rotation() -> None:
    import importlib

    walls = importlib.import_module("migrations.models.1_20261124000100_pre_walls")
    doors = importlib.import_module("migrations.models.3_20261124000300_pre_doors")
    secret = {(table, column) for table, column in walls.SECRET.items()}
    secret |= {(table, column) for table, columns in doors.SECRET.items() for column in columns}
    known = {(one.table, column) for one in SEALED for column in (*one.texts, *one.lists)}
    assert secret - {("api_keys", "digest")} <= known


def test_a_previous_secret_is_as_long_as_any(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {"DATABASE_URL": "postgresql://h@x/h", "AMQP_URL": "amqp://h@x/", "SECRET_KEY": NEW}.items():
        monkeypatch.setenv(f"HUB_{name}", value)
    monkeypatch.setenv("HUB_PREVIOUS_SECRET_KEYS", f" {OLD} ,{OLDER},")
    assert load_settings(tmp_path).previous_secrets == (OLD, OLDER)
    with_comma = "a secret, which has a comma in it, 0123456789"
    monkeypatch.setenv("HUB_PREVIOUS_SECRET_KEYS", orjson.dumps([OLD, with_comma]).decode())
    assert load_settings(tmp_path).previous_secrets == (OLD, with_comma)
    monkeypatch.setenv("HUB_PREVIOUS_SECRET_KEYS", f"{OLD},short-one")
    with pytest.raises(SettingsError, match="HUB_PREVIOUS_SECRET_KEYS") as refused:
        load_settings(tmp_path)
    assert "short-one" not in str(refused.value)


def _calls(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("room", ["hub", "gateway", "consumers"])
def test_whoever_opens_what_is_sealed_knows_the_previous_secrets(room: str) -> None:
    forgotten: list[Any] = []
    for path in sorted((ROOT / room).rglob("*.py")):
        for call in _calls(path):
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            if name in {"Vault", "Tokens"} and len(call.args) < 2:
                forgotten.append(f"{path.relative_to(ROOT)}:{call.lineno}")
    assert forgotten == []
