"""The files for Docker, looked at without Docker: what they name is there, runs as `./run` runs it, and opens no door too far."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from hub.settings import Settings
from hub.up.instance import prepare
from hub.up.plan import make_plan
from hub.up.runner import hub_processes

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
JOBS = {"secrets", "migrate"}
OURS = {"secrets", "migrate", "gateway", "consumers"}


def test_the_servers_are_rabbitmq_4_and_postgresql_17() -> None:
    assert (SERVICES["rabbitmq"]["image"], SERVICES["postgres"]["image"]) == ("rabbitmq:4", "postgres:17")


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - JOBS))
def test_what_runs_on_is_looked_after(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(OURS))
def test_the_hubs_containers_are_not_root_and_change_nothing_of_their_image(name: str) -> None:
    service = SERVICES[name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert ("user" in service) is (name == "secrets"), "only who makes the secrets is root: they get other owners"
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["hub"]


def test_ports_are_open_to_this_machine_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_what_is_named_is_there() -> None:
    for service in SERVICES.values():
        assert service.get("depends_on", {}).keys() <= SERVICES.keys()
        for volume in service.get("volumes", []):
            if volume.startswith("./"):
                assert (ROOT / volume.partition(":")[0]).is_file()
        settings = {name for name in service.get("environment", {}) if name.startswith("HUB_")}
        assert {name.removeprefix("HUB_").lower() for name in settings} <= Settings.model_fields.keys()


def test_gateway_and_consumers_are_started_as_everywhere(tmp_path: Path) -> None:
    specs = {spec.name: spec for spec in hub_processes(make_plan(prepare(tmp_path), {}, port=None), {})}
    _, _, *consumers = specs["consumers"].argv  # the interpreter and -m
    assert SERVICES["consumers"]["command"] == consumers
    _, _, *gateway = specs["gateway"].argv
    found = re.search(r"^CMD \[(.+?)\]$", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert found is not None
    told = re.findall(r'"([^"]+)"', found[1])
    where = {gateway[gateway.index(option) + 1] for option in ("--host", "--port")} | {"0.0.0.0", "8000"}
    assert [word for word in told if word not in where] == [word for word in gateway if word not in where]


def test_the_consumers_are_asked_for_their_own_health() -> None:
    port = Settings.model_fields["metrics_port"].default + 1
    assert f"http://127.0.0.1:{port}/health'" in SERVICES["consumers"]["healthcheck"]["test"][-1]
