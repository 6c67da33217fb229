"""RabbitMQ asks about every log-in, channel and routing key: the hub answers from memory, and compares secrets in constant time.

Red when: a check asks PostgreSQL or derives an address anew, or how long a comparison takes tells how much of a guess was right.
"""

import hmac
import secrets
from collections.abc import Iterator
from hmac import compare_digest
from typing import cast
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr

from gateway import amqp_door
from gateway.amqp_door import AmqpDoor
from gateway.amqp_sessions import Sessions
from gateway.audit import AuditTrail
from gateway.auth import Caller
from gateway.keys import KeyCache
from gateway.problems import Refused
from hub.messaging.ingress_bindings import IngressBindings
from hub.security.derive import login_path
from hub.security.keys import derive_key, hash_key
from hub.storage.database import Database
from tests.conftest import SECRET_KEY
from tests.kit.amqp import AmqpStage, Till
from tests.kit.wait import until

CHECKS = 200
"""Of each kind: a kind that asks once for each check is seen beside what the whole hub asks by itself meanwhile."""
NOWHERE = cast("Database", None)


@pytest.fixture
def rabbitmq(stage: AmqpStage) -> Iterator[httpx.Client]:
    """What RabbitMQ is here: a client that knows the internal path."""
    with httpx.Client(base_url=stage.hub.url + login_path(SECRET_KEY), timeout=30, trust_env=False) as client:
        yield client


def _transactions(stage: AmqpStage) -> int:
    """Count the transactions of the hub's database so far: a session reports its own at its end at the latest."""
    sessions = f"FROM pg_stat_activity WHERE datname = '{stage.database}'"
    old = stage.servers.sql(f"SELECT pid, pg_terminate_backend(pid) {sessions}").splitlines()
    pids = ",".join(line.partition("|")[0] for line in old) or "0"
    until(lambda: stage.servers.sql(f"SELECT count(*) {sessions} AND pid IN ({pids})") == "0")
    counted = f"SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = '{stage.database}'"
    return int(stage.servers.sql(counted))


def _checks(till: Till) -> dict[str, dict[str, str]]:
    """Make a question of each kind that is answered with yes."""
    own = {"username": till.id, "vhost": "/"}
    writing = own | {"name": "hub.ingress", "permission": "write", "tags": "scope_write"}
    return {
        "user": {"username": till.id, "password": till.key},
        "vhost": own | {"ip": "127.0.0.1"},
        "resource": writing | {"resource": "exchange"},
        "topic": writing | {"resource": "topic", "routing_key": till.id},
    }


def _ask(rabbitmq: httpx.Client, check: str, form: dict[str, str]) -> str:
    answer = rabbitmq.post(f"/{check}", data=form)
    assert answer.status_code == 200
    return answer.text.partition(" ")[0]


def test_checks_are_answered_without_deriving_the_address_anew(
    till: Till, rabbitmq: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    derived: list[str] = []

    def derive(secret: str) -> str:
        derived.append(secret)
        return login_path(secret)

    monkeypatch.setattr(amqp_door, "login_path", derive)
    for check, form in _checks(till).items():
        assert _ask(rabbitmq, check, form) == "allow", check
    assert derived == []


def test_checks_are_answered_without_a_query(stage: AmqpStage, till: Till, rabbitmq: httpx.Client) -> None:
    before = _transactions(stage)
    for _ in range(CHECKS):
        for check, form in _checks(till).items():
            assert _ask(rabbitmq, check, form) == "allow", check
    answered = _transactions(stage)
    # A well-formed key that nobody knows is looked for: it may be newer than the memory.
    for _ in range(CHECKS):
        stranger = derive_key(secrets.token_hex(20), uuid4())
        assert _ask(rabbitmq, "user", {"username": till.id, "password": stranger}) == "deny"
    looked_up = _transactions(stage)
    print(
        f"{4 * CHECKS} checks: {answered - before} transactions of the hub; {CHECKS} strangers: {looked_up - answered}"
    )
    assert looked_up - answered >= CHECKS, "the count sees no query"
    assert answered - before < CHECKS


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bytes, bytes]]:
    """What was compared in constant time."""
    pairs: list[tuple[bytes, bytes]] = []

    def compare(ours: bytes, theirs: bytes) -> bool:
        pairs.append((ours, theirs))
        return compare_digest(ours, theirs)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    return pairs


def test_an_address_is_compared_with_every_one_that_is_known(
    stage: AmqpStage, compared: list[tuple[bytes, bytes]]
) -> None:
    old = "o" * 40
    settings = stage.hub.settings.model_copy(update={"previous_secret_keys": SecretStr(old)})
    door = AmqpDoor(
        KeyCache(NOWHERE), cast("Sessions", None), settings, cast("AuditTrail", None), cast("IngressBindings", None)
    )
    known = [login_path(SECRET_KEY), login_path(old)]
    for asked, is_known in (
        (known[0], True),
        (known[1], True),
        (known[0][:-1] + "~", False),
        ("/internal/amqp/x", False),
    ):
        compared.clear()
        assert door.is_asked_at(asked) is is_known
        ours = [pair for pair in compared if asked.encode() in pair]  # the hub beside this test compares as well
        assert ours == [(asked.encode(), path.encode()) for path in known]


async def test_a_user_name_is_compared_with_the_owner_of_the_key(compared: list[tuple[bytes, bytes]]) -> None:
    """The key itself is found by its hash, which tells nothing of how much of a guess was right."""
    owner, stranger = uuid4(), uuid4()
    keys, key = KeyCache(NOWHERE), derive_key(secrets.token_hex(20), uuid4())
    caller = Caller("pharmacy", UUID(int=1), owner, frozenset({"read"}), "key:1", None)
    keys._callers[hash_key(key)] = caller
    assert await keys.authenticate_user(str(owner), key) is caller
    with pytest.raises(Refused):
        await keys.authenticate_user(str(stranger), key)
    for user in (owner, stranger):
        assert (str(owner).encode(), str(user).encode()) in compared
