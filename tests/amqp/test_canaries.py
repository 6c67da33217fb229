"""Canaries over AMQP: what messages and log-ins hold is in no log, no figure, no header of a parked message and no row but its payload.

The hub runs as processes with logs of their own; `tests/doors/test_canaries.py` does the same for the other doors.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pika
import pytest
from pika.exceptions import AMQPError, ProbableAccessDeniedError, ProbableAuthenticationError

from consumers.ingress_message import MAX_BYTES
from hub.messaging.topology import DEAD
from hub.security.keys import derive_key, hash_key, hint_of
from tests.conftest import Servers
from tests.kit.amqp import AmqpStage, Till, asking_broker, publish, receipt, shut
from tests.kit.canaries import Cage
from tests.kit.forking import Forked
from tests.kit.in_process import Hub
from tests.kit.processes import Consumers, environment_of
from tests.kit.wait import until
from tests.rooms.broker_proxy import a_free_port

Bird = Callable[[str], str]

POISON = "poison"
TALKATIVE = f"""
    ALTER TABLE inventory_items ADD CHECK (sku <> '{POISON} of a constraint');
    CREATE FUNCTION talk() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no %', NEW.name USING DETAIL = NEW.extra_data::text; END $$;
    CREATE TRIGGER talk BEFORE INSERT ON inventory_items FOR EACH ROW
    WHEN (NEW.sku = '{POISON} of a trigger') EXECUTE FUNCTION talk();
"""
"""PostgreSQL's words about these two are the client's own."""


@dataclass
class House:
    """A hub of three processes on a broker of its own; the parker comes last."""

    stage: AmqpStage
    consumers: Consumers
    cage: Cage
    place: Path
    answers: list[Any] = field(default_factory=list)

    def figures(self) -> str:
        """Read the figures of gateway and consumers; none while one of them is starting."""
        port = self.stage.hub.settings.metrics_port
        try:
            return "".join(httpx.get(f"http://127.0.0.1:{port + more}/metrics").text for more in (0, 1))
        except httpx.TransportError:
            return ""

    def dead(self) -> list[dict[str, Any]]:
        """Look at what lies in `hub.dead`, and leave it there."""
        body = {"count": 100, "ackmode": "ack_requeue_true", "encoding": "auto"}
        found: list[dict[str, Any]] = self.stage.management("POST", f"/api/queues/%2F/{DEAD}/get", body)
        return found


@pytest.fixture
def house(servers: Servers, template_database: str) -> Iterator[House]:
    """Gateway as a careless operator starts it, all consumers but the parker."""
    with tempfile.TemporaryDirectory(prefix="amqp-", dir=servers.session_dir) as folder:
        place = Path(folder)
        place.chmod(0o711)
        with asking_broker(servers, template_database, place) as (broker, base, port, database):
            roles = ("writer", "fanout", "ingress", "janitor")
            changes = {"metrics_port": a_free_port(), "partitions": 2, "roles": roles, "janitor_seconds": 0.5}
            settings = base.model_copy(update=changes)
            consumers = Consumers(settings, place / "consumers.log")
            arguments = ("uvicorn", "gateway.app:create_app", "--factory", "--port", str(port))
            gateway = Forked(arguments, environment_of(settings), place / "gateway.log")
            try:
                hub = Hub(f"http://127.0.0.1:{port}", _operator(servers, database), settings)
                until(lambda: _is_open(hub), within=60)
                yield House(AmqpStage(hub, broker, servers, database), consumers, Cage(), place)
            finally:
                consumers.stop()
                gateway.terminate()
                gateway.join(15)


def _operator(servers: Servers, database: str) -> str:
    """Make an operator's key."""
    key = derive_key("an operator's secret, 32 characters", key_id := uuid4(), "operator")
    servers.sql(
        "INSERT INTO operator_keys (id, created_at, updated_at, version, name, digest, hint) "
        f"VALUES ('{key_id}', now(), now(), 1, 'op', '{hash_key(key).hex()}', '{hint_of(key)}')",
        database,
    )
    return key


def _is_open(hub: Hub) -> bool:
    """Tell whether a pharmacy can be made: the processes are still starting."""
    headers = {"X-API-KEY": hub.operator_key, "Prefer": "wait=5", "Idempotency-Key": "first"}
    try:
        answer = httpx.post(f"{hub.url}/api/pharmacies/", json={"name": "First"}, headers=headers, timeout=30)
    except httpx.TransportError:
        return False
    return answer.status_code == 201


def _item(bird: Bird, **changes: object) -> dict[str, Any]:
    return {
        "sku": bird("sku"), "name": bird("name"), "price": "1.00", "quantity": 5,
        "extra_data": {bird("map key"): bird("extra data")},
    } | changes  # fmt: skip


def _spoken(house: House, till: Till) -> None:
    """Messages that are taken or refused, each with a receipt that names nothing but what it is about."""
    bird = house.cage.bird
    item = _item(bird)
    good: list[tuple[str, object]] = [
        ("inventory.create", item), ("inventory.create", [_item(bird), _item(bird)]),
        ("webhook_event.receive", {"event_type": bird("event type"), "payload": {"diagnosis": bird("diagnosis")}}),
        ("sale.record", {"sku": item["sku"], "quantity": 1, "total_price": "1.00", "reference": bird("reference"), "extra_data": {"patient": bird("patient")}}),
    ]  # fmt: skip
    bad: list[tuple[str, object, dict[str, Any]]] = [
        ("inventory.create", item, {}), ("inventory.create", {bird("unknown field"): bird("its value")}, {}),
        ("inventory.create", _item(bird, price=bird("price")), {}), ("inventory.create", _item(bird, name=bird("NUL") + "\0"), {}),
        ("sale.record", {"sku": bird("unknown sku"), "quantity": 1, "total_price": "1.00"}, {}),
        ("inventory.adjust", {"id": bird("id"), "delta": 1, "reason": bird("reason")}, {}),
        ("inventory.create", [_item(bird, quantity=bird("quantity of a list")), bird("text of a list")], {}),
        ("inventory.create", [{"name": bird("501 commands")}] * 501, {}),
        ("inventory.create", bird("no JSON").encode(), {}), ("inventory.create", bird("no UTF-8").encode() + b"\xff", {}),
        ("inventory.create", b'{"a": "%b", "a": "%b"}'.replace(b"%b", bird("a key twice").encode()), {}),
        ("inventory.create", (bird("oversized") * 60_000).encode()[: MAX_BYTES + 1], {}),
        ("inventory.create", _item(bird), {"content_type": f"application/{bird('content type')}"}),
        ("inventory.create", _item(bird), {"content_encoding": bird("content encoding")}),
        ("inventory.create", _item(bird), {"message_id": f"{bird('no message id')} "}),
        ("inventory.create", _item(bird), {"headers": {f"cloudEvents:{bird('cloud header')}": bird("cloud value")}}),
        (bird("command"), _item(bird), {}),
    ]  # fmt: skip
    with till.channel() as channel:
        for command, body in good:
            extra: dict[str, Any] = {
                "message_id": bird("message id"),
                "app_id": bird("app"),
                "headers": {bird("header"): bird("value")},
            }
            told = receipt(channel, till, command, body, **extra)
            assert {one["status"] for one in (told if isinstance(told, list) else [told])} == {"applied"}, told
        for command, body, sent in bad:
            told = receipt(channel, till, command, body, **{"message_id": bird("message id")} | sent)
            assert {one["status"] for one in (told if isinstance(told, list) else [told])} == {"rejected"}, told
            house.answers.append(told)
        # A receipt where none may go: the audit log says where, and under which key.
        publish(channel, till, "inventory.create", _item(bird), reply_to="hub.dead", message_id="stray")


def _set_aside(house: House, till: Till) -> int:
    """Messages that end in `hub.dead`, each on another way; gives how many."""
    bird, stage = house.cage.bird, house.stage
    with till.channel() as channel:
        sent: dict[str, Any] = {
            "message_id": bird("parked message id"),
            "headers": {"hub-x-pharmacy_id": bird("header of one without user")},
        }
        house.answers.append(receipt(channel, till, "inventory.create", _item(bird), user_id=None, **sent))
        publish(channel, till, "inventory.create", bird("no JSON, without user").encode() * 60_000, user_id=None)
        for what in ("a constraint", "a trigger"):
            poison = _item(bird, sku=f"{POISON} of {what}", name=bird(f"what {what} says"))
            told = receipt(channel, till, "inventory.create", poison)
            assert told["status"] == "parked", told
            house.answers.append(told)
    stranger = str(uuid4())
    connection = pika.BlockingConnection(stage.internal_user(stranger))
    publish(connection.channel(), Till(stage, stranger, ""), "inventory.create", _item(bird))
    connection.close()
    until(lambda: len(house.dead()) == 5, within=30)
    # Nobody reads any more: what expires is set aside by RabbitMQ itself, with its properties as they were.
    house.consumers.stop()
    with till.channel() as channel:
        publish(channel, till, "inventory.create", _item(bird), expiration="1")
    until(lambda: len(house.dead()) == 6, within=30)
    return 6


def _log_ins(house: House, till: Till) -> None:
    cage = house.cage
    cage.secrets["somebody else's key"] = derive_key("somebody else's secret, 32 chars", uuid4())
    for user, password in (
        (till.id, cage.secrets["somebody else's key"]), (till.id, cage.bird("password")), (till.id, house.stage.hub.operator_key),
        (cage.bird("user"), till.key), (str(uuid4()), till.key),
    ):  # fmt: skip
        with pytest.raises((AMQPError, ProbableAccessDeniedError, ProbableAuthenticationError)):
            shut(Till(house.stage, user, password).connect())
    with till.channel() as channel, pytest.raises(AMQPError):
        publish(channel, till, "inventory.create", _item(cage.bird), routing_key=cage.bird("routing key"))


def test_no_canary_leaves_its_cage_over_amqp(house: House, servers: Servers) -> None:
    cage, stage = house.cage, house.stage
    stage.sql(TALKATIVE)
    till = stage.open_pharmacy()
    cage.secrets |= {"a pharmacy's key": till.key, "an operator's key": stage.hub.operator_key}
    _spoken(house, till)
    _log_ins(house, till)
    until(lambda: "receipt.refused" in stage.sql("SELECT action FROM audit_log"), within=15)
    figures = house.figures()
    assert "hub_keys_loaded" in figures
    assert "hub_silent_seconds" in figures
    count = _set_aside(house, till)
    assert len(cage.birds) > 50

    # A refusal names the field and the thing that it is about, and says that to its sender alone.
    assert set(cage.escaped(str(house.answers))) <= {"sku", "unknown field", "unknown sku"}
    assert cage.escaped(str([message["properties"] for message in house.dead()])) == []

    alone = stage.hub.settings.model_copy(update={"roles": ("parker",)})
    parker = Consumers(alone, house.place / "parker.log")
    try:
        until(lambda: stage.sql("SELECT count(*) FROM parked_messages") == str(count), within=60)
        figures += until(house.figures)
    finally:
        parker.stop()
    payloads = stage.sql("SELECT convert_from(payload, 'UTF8') FROM parked_messages")
    assert {"name", "no JSON, without user"} <= set(cage.escaped(payloads))
    assert cage.escaped(stage.sql("SELECT to_jsonb(parked_messages) - 'payload' FROM parked_messages")) == []
    listed = httpx.get(f"{stage.hub.url}/api/parked/", headers={"X-API-KEY": stage.hub.operator_key})
    assert (len(listed.json()["items"]), cage.escaped(listed.text)) == (count, [])
    assert cage.escaped(stage.sql("SELECT to_jsonb(audit_log) FROM audit_log")) == []
    assert cage.escaped(figures) == []

    for log in ("gateway.log", "consumers.log", "parker.log"):
        assert cage.escaped((house.place / log).read_text()) == [], log
    assert (house.place / "consumers.log").read_text().count("message.parked") >= 4
    # RabbitMQ names who was refused, and where; PostgreSQL says what its own trigger said.
    broker = "".join(log.read_text(errors="replace") for log in (house.place / "logs").glob("*.log"))
    assert till.id in broker
    assert set(cage.escaped(broker)) <= {"user", "routing key"}
    database = (servers.session_dir / "servers" / "logs" / "postgres.log").read_text(errors="replace")
    assert cage.escaped(database) == ["what a trigger says"]
