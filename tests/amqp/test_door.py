"""The door itself: TLS where it is set, and what `hub doctor` says of it."""

import ssl
from pathlib import Path

import pika
import pytest
from pika.exceptions import AMQPError, ProbableAccessDeniedError, ProbableAuthenticationError

from hub.faults import SettingsError
from hub.messaging.server import BY_HAND, CHANNEL_MAX
from hub.messaging.topology import POLICIES
from hub.settings import Settings, load_settings
from hub.up.examine import Finding, examine_amqp_door
from tests.kit.amqp import AmqpStage, Till, publish, receipt, shut

ROOT = Path(__file__).parents[2]
ITEM = {"sku": "PZN1", "name": "Aspirin", "price": "1.00", "quantity": 5}


def test_a_till_speaks_tls_where_the_broker_does(stage: AmqpStage, till: Till) -> None:
    tls = stage.broker.tls
    assert tls is not None
    context = ssl.create_default_context(cafile=tls.certificate)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    connection = pika.BlockingConnection(
        pika.ConnectionParameters(
            "127.0.0.1",
            tls.port,
            "/",
            pika.PlainCredentials(till.id, till.key),
            ssl_options=pika.SSLOptions(context, "localhost"),
        )
    )
    channel = connection.channel()
    channel.confirm_delivery()
    assert receipt(channel, till, "inventory.create", ITEM)["status"] == "applied"
    shut(connection)


def test_who_speaks_plainly_to_the_tls_port_is_not_heard(stage: AmqpStage, till: Till) -> None:
    assert stage.broker.tls is not None
    plain = pika.ConnectionParameters(
        "127.0.0.1",
        stage.broker.tls.port,
        "/",
        pika.PlainCredentials(till.id, till.key),
        socket_timeout=5,
        stack_timeout=5,
    )
    with pytest.raises(AMQPError):
        pika.BlockingConnection(plain)


def test_half_of_tls_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch, stage: AmqpStage) -> None:
    for name, value in (
        ("HUB_DATABASE_URL", "postgresql://x"), ("HUB_AMQP_URL", "amqp://x"), ("HUB_SECRET_KEY", "k" * 40), ("HUB_AMQP_TLS_PORT", "5671"),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match="HUB_AMQP_TLS_CERT"):
        load_settings(stage.hub.settings.data_dir)


async def test_the_doctor_says_whether_the_door_is_open_and_why_not(stage: AmqpStage) -> None:
    port = int(stage.hub.url.rpartition(":")[2])
    settings = stage.hub.settings.model_copy(update={"port": port})

    async def verdicts(**changes: object) -> list[Finding]:
        return [one async for one in examine_amqp_door(settings.model_copy(update=changes))]

    found = await verdicts()
    assert [(one.what, one.verdict) for one in found] == [("amqp door", "ok")], found
    shut_door = await verdicts(amqp_management_url=None)
    assert [one.verdict for one in shut_door] == ["warning"]
    assert "HUB_AMQP_MANAGEMENT_URL" in shut_door[0].says
    silent = await verdicts(port=stage.broker.epmd_port)
    assert "no gateway answers" in silent[0].says
    other = await verdicts(secret_key=settings.database_url)
    assert "does not know" in other[0].says


def test_logins_and_publishing_go_on_while_postgresql_takes_nobody(stage: AmqpStage, till: Till) -> None:
    stranger = till.key[:-8] + "AAAAAAAA"
    stage.servers.sql(f"ALTER DATABASE {stage.database} ALLOW_CONNECTIONS false")
    try:
        stage.servers.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{stage.database}'")
        with till.channel() as channel:
            publish(channel, till, "inventory.create", ITEM, message_id="away-1")  # confirmed: it is on the disks
        with pytest.raises((ProbableAuthenticationError, ProbableAccessDeniedError)):
            till.connect(stranger)
    finally:
        stage.servers.sql(f"ALTER DATABASE {stage.database} ALLOW_CONNECTIONS true")
    # The same message again is answered by what became of the first.
    assert till.send("inventory.create", ITEM, message_id="away-1")["status"] == "applied"
    assert len(till.http("GET", "/api/inventory/").json()["items"]) == 1


def test_the_brokers_policies_are_the_hubs(stage: AmqpStage) -> None:
    found = {each["name"]: each for each in stage.management("GET", "/api/policies/%2F")}
    for policy in POLICIES:
        assert found[policy["name"]].items() >= policy.items()


def _settings(file: Path) -> set[tuple[str, ...]]:
    lines = file.read_text().splitlines()
    return {tuple(line.split(" = ")) for line in lines if line and not line.startswith("#")}


def test_the_hubs_own_broker_is_set_up_as_one_by_hand(stage: AmqpStage) -> None:
    by_hand, own = ROOT / "rabbitmq", stage.broker.data
    assert (own / "enabled_plugins").read_text() == (by_hand / "enabled_plugins").read_text()
    missing = _settings(by_hand / "rabbitmq.conf") - _settings(own / "rabbitmq.conf")
    assert {name for name, _ in missing} == BY_HAND.keys()
    told = {
        name: stage.ctl("eval", f"application:get_env(rabbit, {name}).") for name in ("channel_max", "max_message_size")
    }
    assert told == {"channel_max": f"{{ok,{CHANNEL_MAX}}}\n", "max_message_size": "{ok,8388608}\n"}


def test_the_hubs_own_connections_stay_below_the_limit_of_channels(stage: AmqpStage) -> None:
    """With the most partitions that one can have as well: each is a channel of its own."""
    told = stage.ctl("list_connections", "user", "channels", "--quiet").splitlines()
    own = [int(line.split()[1]) for line in told if line.split()[0] == "hub"]
    most = next(rule.le for rule in Settings.model_fields["partitions"].metadata if hasattr(rule, "le"))
    partitions = Settings.model_fields["partitions"].default
    assert partitions < max(own) < partitions + 20
    assert max(own) - partitions + most < CHANNEL_MAX
