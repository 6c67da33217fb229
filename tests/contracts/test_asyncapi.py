"""The AsyncAPI document is exact: every queue, command, property and header, and what is sent fits it."""

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import jsonschema_rs
import pytest
from litestar import Litestar
from litestar.datastructures import State
from litestar.testing import TestClient

from consumers.app import create_app
from consumers.ingress_message import MAX_BYTES, MAX_COMMANDS
from gateway.docs_pages import ASYNCAPI_PATH, asyncapi_json
from gateway.event_schemas import EVENTS, event_schema
from gateway.views import Operation, schema_of
from hub import asyncapi
from hub.asyncapi import OPERATION, PROPERTIES, asyncapi_document
from hub.domain.event_types import OF_A_PHARMACY, OF_THE_HUB
from hub.messaging.topology import topology
from hub.resources import AMQP_COMMANDS
from hub.settings import Settings
from tests.kit.processes import environment_of

ROOT = Path(__file__).parents[2]
NOT_READ = {"hub.partitions"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document as the gateway serves it."""
    found: dict[str, Any] = json.loads(json.dumps(asyncapi_document()))
    return found


def queues_of(document: dict[str, Any]) -> set[str]:
    """Name the queues that a document describes."""
    return {
        channel["bindings"]["amqp"]["queue"]["name"]
        for channel in document["channels"].values()
        if channel.get("bindings", {}).get("amqp", {}).get("is") == "queue"
    }


def test_an_integrator_reads_first_what_is_for_integrators(document: dict[str, Any]) -> None:
    channels, operations = list(document["channels"]), list(document["operations"])
    assert (channels[:4], operations[:2]) == (
        ["ingress", "receipts", "feed", "events"],
        ["publishCommands", "consumeFeed"],
    )
    assert (channels[4:], operations[2:]) == (sorted(channels[4:]), sorted(operations[2:]))


def test_it_is_asyncapi_3_and_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    assert document["asyncapi"] == "3.0.0"

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            target = value.get("$ref")
            if isinstance(target, str) and target.startswith("#/"):
                here: Any = document
                for step in target[2:].split("/"):
                    here = here[step.replace("~1", "/").replace("~0", "~")]
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    walk(document)


def test_every_queue_that_the_hub_reads_is_there_and_no_other(document: dict[str, Any]) -> None:
    wanted = {queue.name for queue in topology(8).queues} - NOT_READ
    assert queues_of(document) == wanted | {"hub.out.{pharmacy_id}"}


def test_the_gateway_serves_it_with_the_queues_of_this_installation() -> None:
    app = Litestar([asyncapi_json], state=State({"hub": SimpleNamespace(partitions=2)}), openapi_config=None)
    with TestClient(app) as client:
        served = client.get(ASYNCAPI_PATH).json()
    wanted = {queue.name for queue in topology(2).queues} - NOT_READ
    assert queues_of(served) == wanted | {"hub.out.{pharmacy_id}"}


def test_every_command_and_every_event_is_a_message(document: dict[str, Any]) -> None:
    assert list(document["channels"]["ingress"]["messages"]) == list(AMQP_COMMANDS)
    assert tuple(document["channels"]["feed"]["messages"]) == OF_A_PHARMACY
    assert sorted(OF_A_PHARMACY + OF_THE_HUB) == sorted(EVENTS)
    assert {name for name, kind in EVENTS.items() if "in the hub's own log" in kind.help} == set(OF_THE_HUB)
    for name, message in document["channels"]["feed"]["messages"].items():
        envelope = event_schema(name)
        assert set(message["payload"]["required"]) == set(envelope["required"])
        assert message["payload"]["properties"]["dataschema"] == envelope["properties"]["dataschema"]
    for name in AMQP_COMMANDS:
        one, many = document["channels"]["ingress"]["messages"][name]["payload"]["oneOf"]
        assert many["maxItems"] == MAX_COMMANDS
        schema = document["components"]["schemas"][one["$ref"].rpartition("/")[2]]
        assert ("id" in schema.get("properties", {})) == AMQP_COMMANDS[name]
    assert asyncapi.MAX_BYTES == MAX_BYTES
    assert asyncapi.MAX_COMMANDS == MAX_COMMANDS


def test_every_property_is_told(document: dict[str, Any]) -> None:
    text = document["channels"]["ingress"]["description"]
    assert all(f"* `{name}`: " in text for name in PROPERTIES)
    assert {"user_id", "message_id", "type", "content_type", "reply_to", "correlation_id"} <= set(PROPERTIES)


def test_a_receipt_is_the_operation_of_the_http_interface() -> None:
    view = schema_of(Operation)
    assert set(OPERATION["properties"]) == set(view["properties"])
    assert set(OPERATION["required"]) == set(view["required"])
    shown: dict[str, Any] = {
        "id": str(uuid4()), "type": "sale.record", "status": "applied", "accepted_at": "2026-11-24T10:00:00.000000Z",
        "finished_at": "2026-11-24T10:00:00.000000Z", "resource": None, "events": [], "problem": None,
    }  # fmt: skip
    jsonschema_rs.validator_for(OPERATION).validate(shown)
    assert not jsonschema_rs.validator_for(OPERATION).is_valid(shown | {"status": "done"})


def test_faststream_writes_the_same_document(settings: Settings, data_dir: Path) -> None:
    app = create_app(settings)
    assert json.loads(app.schema.to_specification().to_json()) == json.loads(json.dumps(asyncapi_document()))
    out = data_dir / "asyncapi.json"
    (line,) = re.findall(r"`\.venv/bin/(faststream docs gen .+?)`", (ROOT / "docs/integrator.md").read_text())
    program, *arguments = line.replace("asyncapi.json", str(out)).split()
    done = subprocess.run(
        [Path(sys.executable).parent / program, *arguments],
        cwd=ROOT, env=environment_of(settings), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(out.read_text()) == json.loads(json.dumps(asyncapi_document()))


def test_no_address_of_this_installation_is_told(settings: Settings) -> None:
    text = create_app(settings).schema.to_specification().to_json()
    assert "127.0.0.1" not in text
    assert settings.amqp_urls[0].rpartition("@")[2].partition("/")[0] not in text
