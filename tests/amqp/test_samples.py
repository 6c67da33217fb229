"""The sample clients work as they stand."""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import which

import pytest

from tests.kit.amqp import Till
from tests.kit.node import node_modules
from tests.kit.wait import until

ROOT = Path(__file__).parents[2]
SALE = '{"sku": "PZN1", "quantity": 1, "total_price": "4.99"}'


def _run(till: Till, script: str, place: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HUB_URL": till.stage.hub.url, "PHARMACY_ID": till.id,
        "HUB_AMQP": f"127.0.0.1:{till.stage.broker.amqp_port}", "API_KEY": till.key, **more,
    }  # fmt: skip
    script = script.replace("clients/", f"{ROOT}/clients/")
    return subprocess.run(
        ["bash", "-euo", "pipefail"], input=script, cwd=place, env=environment, capture_output=True, text=True, check=False, timeout=120
    )  # fmt: skip


FEEDS = {
    "aio-pika": ("amqp_feed.py", 'made = await web.post("/api/event-queue/", json={', '"max_length": 2'),
    "pika": ("amqp_pika_feed.py", 'web.post("/api/event-queue/", json={', '"max_length": 2'),
    "amqplib": ("amqp_feed.js", 'await ask("POST", "/api/event-queue/", {', "max_length: 2"),
    "java": ("AmqpFeed.java", 'ask("POST", "/api/event-queue/", "{', r"\"max_length\": 2"),
}
"""Of each library: its sample, where that makes the feed, and what makes the feed short."""

PUBLISHERS = {
    "aio-pika": "amqp_publish.py", "pika": "amqp_pika_publish.py", "amqplib": "amqp_publish.js", "java": "AmqpPublish.java",
}  # fmt: skip

JARS_OF_DEBIAN = Path("/usr/share/java/amqp-client.jar"), Path("/usr/share/java/slf4j-api.jar")


def _runtime(library: str, place: Path) -> tuple[str, dict[str, str]]:
    """Name the command that runs a sample, and its environment; skips the test where that is not here."""
    match library:
        case "amqplib":
            return "node", node_modules("amqplib", place)
        case "java":
            return f"java -cp {_jars()}", {}
        case _:
            return "python", {}


def _jars() -> str:
    jars = os.environ.get("AMQP_CLIENT_JARS", "")
    if not jars and all(path.exists() for path in JARS_OF_DEBIAN):
        jars = ":".join(map(str, JARS_OF_DEBIAN))
    if not jars or which("java") is None:
        pytest.skip("needs java and librabbitmq-client-java, or AMQP_CLIENT_JARS: amqp-client 5 and slf4j-api")
    return jars


@pytest.mark.parametrize("library", list(FEEDS))
def test_a_reader_fills_a_gap_resumes_where_it_was_and_takes_nothing_twice(
    till: Till, tmp_path: Path, library: str
) -> None:
    command, more = _runtime(library, tmp_path)
    name, makes, short = FEEDS[library]
    text = (ROOT / "clients" / name).read_text()
    assert text.count(makes) == 1
    (tmp_path / name).write_text(text.replace(makes, makes + short))

    def read(until: int) -> list[int]:
        done = _run(till, f"{command} {name} state.json", tmp_path, UNTIL=str(until), **more)
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads((tmp_path / "state.json").read_text()) == {"last": until}
        return [int(number) for number in re.findall(r"event (\d+):", done.stdout)]

    def last_sequence() -> int:
        return int(till.http("GET", "/api/event-queue/").json()["last_sequence"])

    assert till.http("POST", "/api/event-queue/", {"max_length": 2}).status_code == 201
    till.send("webhook_event.receive", {"event_type": "first"})
    # Until then a sequence that is the last is not the last for long.
    until(lambda: till.events()[-1]["type"] == "webhook_event.processed")
    (tmp_path / "state.json").write_text('{"last": 1}')
    till.send("inventory.create", {"sku": "PZN1", "name": "Aspirin", "price": "1.00", "quantity": 50})
    till.send("sale.record", [json.loads(SALE)] * 8)
    last = last_sequence()
    assert read(last) == list(range(2, last + 1))
    # Begun anew, with the last two of the feed seen already, as it was before the end and as the log has it.
    till.send("sale.record", [json.loads(SALE)] * 3)
    assert read(last + 3) == [last + 1, last + 2, last + 3]
    assert last_sequence() == last + 3


@pytest.mark.parametrize("library", list(FEEDS))
def test_a_reader_that_missed_events_or_lost_its_connection_goes_on_without_a_gap(
    till: Till, tmp_path: Path, library: str
) -> None:
    command, more = _runtime(library, tmp_path)
    till.send("inventory.create", {"sku": "PZN1", "name": "Aspirin", "price": "1.00", "quantity": 50})

    def readers() -> int:
        return int(till.http("GET", "/api/event-queue/").json().get("consumers") or 0)

    def has_worked_on(sequence: int) -> bool:
        return re.search(rf'"last": ?{sequence}\b', _state(tmp_path)) is not None or reading.done()

    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(
            _run, till, f"{command} clients/{FEEDS[library][0]} {tmp_path}/state.json", tmp_path, UNTIL="9", **more
        )
        until(lambda: readers() == 1 or reading.done(), within=60)
        till.send("sale.record", [json.loads(SALE)] * 2)
        until(lambda: has_worked_on(4), within=30)
        assert till.http("POST", "/api/event-queue/", {"types": ["order.*"]}).status_code == 201
        till.send("sale.record", [json.loads(SALE)] * 2)  # it hears nothing of these
        assert till.http("POST", "/api/event-queue/", {}).status_code == 201
        till.send("sale.record", json.loads(SALE))
        until(lambda: has_worked_on(7), within=30)
        till.stage.management("DELETE", f"/api/connections/username/{till.id}")
        till.send("sale.record", [json.loads(SALE)] * 2)
        done = reading.result(150)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [int(number) for number in re.findall(r"event (\d+):", done.stdout)] == list(range(1, 10))


def _state(place: Path) -> str:
    file = place / "state.json"
    return file.read_text() if file.exists() else ""


@pytest.mark.parametrize("library", list(PUBLISHERS))
def test_a_publisher_shows_its_receipt_the_same_for_a_repeat_and_ends_with_another_code_when_refused(
    till: Till, tmp_path: Path, library: str
) -> None:
    command, more = _runtime(library, tmp_path)
    till.send("inventory.create", {"sku": "PZN1", "name": "Aspirin", "price": "1.00", "quantity": 5})

    def publish(words: str, **other: str) -> subprocess.CompletedProcess[str]:
        return _run(till, f"{command} clients/{PUBLISHERS[library]} sale.record {words}", tmp_path, **more, **other)

    done, again = (publish(f"'[{SALE}, {SALE}]' till-9") for _ in range(2))
    assert done.returncode == 0, done.stdout + done.stderr
    assert [one["status"] for one in json.loads(done.stdout)] == ["applied", "applied"]
    assert (again.returncode, json.loads(again.stdout)) == (0, json.loads(done.stdout))
    refused = publish("'{}'")
    assert (refused.returncode, json.loads(refused.stdout)["status"]) == (1, "rejected"), refused.stderr
    made = till.http("POST", f"/api/pharmacies/{till.id}/keys/", {"name": "reader", "scopes": ["read"]}).json()
    unconfirmed = publish(f"'{SALE}'", API_KEY=made["api_key"])
    assert unconfirmed.returncode not in {0, None}
    assert unconfirmed.stdout == ""
    assert re.search("ACCESS.REFUSED", unconfirmed.stderr), unconfirmed.stderr


def test_the_java_sample_says_the_same_as_the_others() -> None:
    text = (ROOT / "clients/AmqpPublish.java").read_text()
    for word in ("hub.ingress", "amq.rabbitmq.reply-to", ".userId(", ".messageId(", ".type(", 'contentType("application/json")', "deliveryMode(2)", "confirmSelect"):  # fmt: skip
        assert word in text
