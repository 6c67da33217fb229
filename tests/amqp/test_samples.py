"""The sample clients work as they stand."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.amqp import Till
from tests.kit.node import node_modules

ROOT = Path(__file__).parents[2]
SALE = '{"sku": "PZN1", "quantity": 1, "total_price": "4.99"}'


def _run(till: Till, script: str, place: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HUB_URL": till.stage.hub.url, "PHARMACY_ID": till.id,
        "HUB_AMQP": f"127.0.0.1:{till.stage.broker.amqp_port}", "API_KEY": till.key, **more,
    }  # fmt: skip
    script = script.replace("clients/", f"{ROOT}/clients/")
    return subprocess.run(
        ["bash", "-euo", "pipefail"], input=script, cwd=place, env=environment, capture_output=True, text=True, check=False, timeout=60
    )  # fmt: skip


def test_the_reader_fills_a_gap_and_takes_nothing_twice(till: Till, tmp_path: Path) -> None:
    assert till.http("POST", "/api/event-queue/", {"max_length": 2}).status_code == 201
    till.send("webhook_event.receive", {"event_type": "first"})
    (tmp_path / "state.json").write_text('{"last": 1}')
    till.send("inventory.create", {"sku": "PZN1", "name": "Aspirin", "price": "1.00", "quantity": 50})
    till.send("sale.record", [json.loads(SALE)] * 8)
    last = till.http("GET", "/api/event-queue/").json()["last_sequence"]
    script = (ROOT / "clients/amqp_feed.py").read_text().replace('made = await web.post("/api/event-queue/", json={}', 'made = await web.post("/api/event-queue/", json={"max_length": 2}')  # fmt: skip
    (tmp_path / "feed.py").write_text(script)
    done = _run(till, "python feed.py state.json", tmp_path, UNTIL=str(last))
    assert done.returncode == 0, done.stdout + done.stderr
    seen = [int(number) for number in re.findall(r"event (\d+):", done.stdout)]
    assert seen == list(range(2, last + 1))


def test_a_refusal_ends_a_sample_with_another_code(till: Till, tmp_path: Path) -> None:
    done = _run(till, f"python clients/amqp_pika.py sale.record '{SALE}'", tmp_path)
    assert done.returncode == 1
    assert json.loads(done.stdout)["problem"]["type"] == "/problems/unknown-item"


def test_amqplib_of_node_publishes_and_is_answered(till: Till, tmp_path: Path) -> None:
    modules = node_modules("amqplib", tmp_path)
    till.send("inventory.create", {"sku": "PZN1", "name": "Aspirin", "price": "1.00", "quantity": 5})
    done = _run(till, f"node clients/amqp_publish.js sale.record '[{SALE}, {SALE}]' till-9", tmp_path, **modules)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [one["status"] for one in json.loads(done.stdout)] == ["applied", "applied"]
    refused = _run(till, "node clients/amqp_publish.js sale.record '{}'", tmp_path, **modules)
    assert refused.returncode == 1


def test_the_java_sample_publishes_and_is_answered(till: Till, tmp_path: Path) -> None:
    jars = os.environ.get("AMQP_CLIENT_JARS", "")
    if not jars:
        pytest.skip("needs java, and AMQP_CLIENT_JARS: the class path of amqp-client 5 and slf4j-api")
    till.send("inventory.create", {"sku": "PZN1", "name": "Aspirin", "price": "1.00", "quantity": 5})
    done = _run(till, f"java -cp {jars} clients/AmqpPublish.java sale.record '[{SALE}, {SALE}]' till-9", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [one["status"] for one in json.loads(done.stdout)] == ["applied", "applied"]
    refused = _run(till, f"java -cp {jars} clients/AmqpPublish.java sale.record '{{}}'", tmp_path)
    assert (refused.returncode, json.loads(refused.stdout)["status"]) == (1, "rejected")


def test_the_java_sample_says_the_same_as_the_others() -> None:
    text = (ROOT / "clients/AmqpPublish.java").read_text()
    for word in ("hub.ingress", "amq.rabbitmq.reply-to", ".userId(", ".messageId(", ".type(", 'contentType("application/json")', "deliveryMode(2)", "confirmSelect"):  # fmt: skip
        assert word in text
