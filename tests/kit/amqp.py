"""A whole hub on a RabbitMQ of its own that asks it about log-ins, and clients that nobody adapted."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pika
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pika.adapters.blocking_connection import BlockingChannel

from hub.security.derive import login_path
from hub.settings import Settings
from hub.up.broker import BrokerServer, TlsListener, control, start_broker
from hub.up.ports import free_ports
from hub.up.processes import start as start_process
from tests.conftest import SECRET_KEY, Servers
from tests.kit.in_process import Hub, running_hub

logging.getLogger("pika").setLevel(logging.CRITICAL)  # it logs every connection, and what is refused as an error

WAIT = {"Prefer": "wait=20"}
DIRECT = "amq.rabbitmq.reply-to"


@dataclass(frozen=True, slots=True)
class AmqpStage:
    """The hub, its broker, and hands to reach for both."""

    hub: Hub
    broker: BrokerServer
    servers: Servers
    database: str

    def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl."""
        return control(self.broker, *arguments)

    def management(self, method: str, path: str, body: object = None) -> Any:
        """Call RabbitMQ's management API as the hub's own user."""
        answer = httpx.request(method, self.broker.management_url + path, json=body, timeout=30)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def ask(self, key: str, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """Send a waited request."""
        sent = {
            "X-API-KEY": key,
            **({} if method == "GET" else WAIT),
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        return httpx.request(method, self.hub.url + path, headers=sent, json=body, timeout=30)

    def sql(self, statement: str) -> str:
        """Run a statement as the all-powerful role."""
        return self.servers.sql(statement, self.database)

    def open_pharmacy(self, name: str = "Corner") -> "Till":
        """Make a pharmacy, and its till."""
        pharmacy_id, key = self.hub.open_pharmacy(name)
        return Till(self, str(pharmacy_id), key)

    def internal_user(self, name: str) -> pika.URLParameters:
        """Make a user of RabbitMQ's own with every right but none to forge a `user_id`: what bypasses are tried with."""
        self.management("PUT", f"/api/users/{name}", {"password": "internal", "tags": ""})
        self.management("PUT", f"/api/permissions/%2F/{name}", {"configure": ".*", "write": ".*", "read": ".*"})
        return pika.URLParameters(f"amqp://{name}:internal@127.0.0.1:{self.broker.amqp_port}/")


@dataclass(frozen=True, slots=True)
class Till:
    """A pharmacy's (or an integrator's) key and what it does with it."""

    stage: AmqpStage
    id: str
    key: str

    def connect(self, key: str | None = None, vhost: str = "/") -> pika.BlockingConnection:
        """Log in."""
        credentials = pika.PlainCredentials(self.id, self.key if key is None else key)
        return pika.BlockingConnection(
            pika.ConnectionParameters(
                "127.0.0.1",
                self.stage.broker.amqp_port,
                vhost,
                credentials,
                blocked_connection_timeout=20,
                socket_timeout=20,
            )
        )

    @contextmanager
    def channel(self) -> Iterator[BlockingChannel]:
        """Log in and open a channel with confirms."""
        connection = self.connect()
        try:
            channel = connection.channel()
            channel.confirm_delivery()
            yield channel
        finally:
            shut(connection)

    def send(self, command: str, body: object, **properties: Any) -> Any:
        """Publish a command as the documents say, and wait for its receipt."""
        with self.channel() as channel:
            return receipt(channel, self, command, body, **properties)

    def http(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """Send a waited request over HTTP."""
        return self.stage.ask(self.key, method, path, body, **headers)

    def events(self) -> list[dict[str, Any]]:
        """Read the log."""
        found: list[dict[str, Any]] = self.http("GET", "/api/events/?limit=500").json()["items"]
        return found


def connections_of(stage: AmqpStage, till: Till) -> int:
    """Count what a user has open, as RabbitMQ's management shows it: by its own clock, every five seconds."""
    return len(stage.management("GET", f"/api/connections/username/{till.id}"))


def properties_of(till: Till, command: str, **changes: Any) -> pika.BasicProperties:
    """Make the properties that the documents ask for; `changes` spoil them."""
    members = {
        "user_id": till.id, "message_id": str(uuid4()), "type": command, "content_type": "application/json", "delivery_mode": 2,
    } | changes  # fmt: skip
    return pika.BasicProperties(**members)


def raw(body: object) -> bytes:
    """Write a body; bytes stay as they are."""
    return body if isinstance(body, bytes) else orjson.dumps(body)


def publish(channel: BlockingChannel, till: Till, command: str, body: object, **properties: Any) -> None:
    """Publish a command, confirmed."""
    key = properties.pop("routing_key", till.id)
    channel.basic_publish("hub.ingress", key, raw(body), properties_of(till, command, **properties), mandatory=True)


def receipt(
    channel: BlockingChannel, till: Till, command: str, body: object, within: float = 15, **properties: Any
) -> Any:
    """Publish with a direct reply-to and wait for what comes back."""
    answers: list[tuple[str, Any]] = []
    tag = channel.basic_consume(
        DIRECT, lambda _c, _m, told, data: answers.append((told.correlation_id, orjson.loads(data))), auto_ack=True
    )
    correlation = str(uuid4())
    publish(channel, till, command, body, reply_to=DIRECT, correlation_id=correlation, **properties)
    deadline = threading.Event()
    timer = threading.Timer(within, deadline.set)
    timer.start()
    try:
        while not answers:
            assert not deadline.is_set(), f"no receipt within {within} s"
            channel.connection.process_data_events(0.05)
    finally:
        timer.cancel()
    channel.basic_cancel(tag)
    assert answers[0][0] == correlation
    return answers[0][1]


def shut(connection: pika.BlockingConnection) -> None:
    """Close a connection that the broker may have closed already; pika alone would leave its sockets open then."""
    if connection.is_open:
        with suppress(pika.exceptions.AMQPError):
            connection.close()
    with suppress(Exception):
        connection._cleanup()


def _certificate(place: Path) -> tuple[str, str]:
    """Make a certificate for this machine, which signs itself; RabbitMQ's user reads both files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encodings = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (place / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (place / "key.pem").write_bytes(key.private_bytes(*encodings))
    for file in ("cert.pem", "key.pem"):
        (place / file).chmod(0o644)
    return str(place / "cert.pem"), str(place / "key.pem")


@contextmanager
def asking_broker(servers: Servers, template: str, place: Path) -> Iterator[tuple[BrokerServer, Settings, int, str]]:
    """Run a broker that asks a hub, about six seconds; gives the settings, the port and the database of that hub."""
    name = f"t_{uuid4().hex}"
    servers.sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    http, amqp, management, distribution, epmd, secure = free_ports([None] * 6)
    login = f"http://127.0.0.1:{http}{login_path(SECRET_KEY)}"
    tls = TlsListener("127.0.0.1", secure, *_certificate(place))
    broker = BrokerServer(place / "rabbitmq", amqp, management, distribution, epmd, uuid4().hex, str(place), login, tls)
    (place / "logs").mkdir(exist_ok=True)
    children = start_broker(broker, lambda spec: start_process(spec, log_dir=place / "logs"))
    settings = Settings(
        _env_file=None,
        database_url=servers.database_url(name),
        amqp_url=broker.url,
        amqp_management_url=broker.management_url,
        secret_key=SECRET_KEY,
        data_dir=place,
        metrics_port=0,
        rate_limit_per_second=0,
        rate_limit_burst=0,
    )
    try:
        yield broker, settings, http, name
    finally:
        for child in reversed(children):
            child.kill()
        servers.sql(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def running_amqp_stage(
    servers: Servers, template: str, place: Path, roles: Sequence[str] | None = None
) -> Iterator[AmqpStage]:
    """Run a broker that asks a hub, and that hub."""
    with asking_broker(servers, template, place) as (broker, settings, http, name):
        narrower = {} if roles is None else {"roles": tuple(roles)}
        with running_hub(settings.model_copy(update=narrower), http) as hub:
            yield AmqpStage(hub, broker, servers, name)
