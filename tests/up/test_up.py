"""`hub up`: starting, stopping, dying and living again, with real servers."""

import json
import os
import re
import resource
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import asyncpg
import httpx
import pytest

from hub.up.instance import find_instance
from hub.up.ports import free_ports
from hub.up.processes import leftovers, started_at
from tests.kit.wait import until

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    not all((ROOT / name / "app.py").exists() for name in ("gateway", "consumers")),
    reason="needs gateway and consumers",
)


@dataclass
class Up:
    """A `hub up` in a process of its own."""

    place: Path
    port: int
    process: subprocess.Popen[str]

    def wait_until_ready(self, seconds: float = 60) -> float:
        began = time.monotonic()
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        took = time.monotonic() - began
        assert line == f"ready http://127.0.0.1:{self.port}\n", (line, self.said())
        assert took < seconds
        return took

    def said(self) -> str:
        return (self.place.parent / f"{self.place.name}.err").read_text()

    def status(self) -> dict[str, dict[str, int]]:
        done = hub("status", "--json", "--data-dir", str(self.place))
        assert done.returncode == 0, done.stderr
        found: dict[str, dict[str, int]] = json.loads(done.stdout)
        return found

    def pids(self) -> Mapping[str, int]:
        """Read what `hub status` says: who looks again and again would start a process for each look."""
        found = find_instance(self.place)
        assert found is not None
        return found.pids

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(60)
        assert self.process.stdout is not None
        assert self.process.stdout.read() == ""
        self.process.stdout.close()
        return code


def hub(
    *arguments: str, cwd: Path = ROOT, variables: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    return subprocess.run(
        [sys.executable, "-m", "hub.cli", *arguments],
        cwd=cwd,
        env={**environment, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def start(place: Path, port: int) -> Up:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    with (place.parent / f"{place.name}.err").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "hub.cli", "up", "--no-demo", "--port", str(port), "--data-dir", str(place)],
            cwd=ROOT,
            env={**environment, "PYTHONPATH": str(ROOT), "HUB_METRICS_PORT": "0"},
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
    return Up(place, port, process)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Up, Up]]:
    # Below a folder that only its owner may enter: servers that root demotes have to manage there too.
    home = tmp_path_factory.mktemp("two")
    ports = free_ports([None, None])
    both = start(home / "one", ports[0]), start(home / "other", ports[1])
    try:
        for one in both:
            one.wait_until_ready()
        yield both
    finally:
        for one in both:
            if one.process.poll() is None:
                one.stop()


def addresses(pids: set[int]) -> set[str]:
    said = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
    return {line.split()[3] for line in said.splitlines() if any(f"pid={pid}," in line for pid in pids)}


def test_two_instances_do_not_meet_and_listen_on_loopback_only(two: tuple[Up, Up]) -> None:
    found = [one.status() for one in two]
    pids = [set(status["pids"].values()) for status in found]
    assert not pids[0] & pids[1]
    assert set(found[0]["pids"]) == {"runner", "postgres", "epmd", "rabbitmq", "gateway", "consumers"}
    listening = [addresses(group) for group in pids]
    assert all(len(group) >= 6 for group in listening)  # PostgreSQL, RabbitMQ, management, distribution, epmd, gateway
    assert not listening[0] & listening[1]
    assert {address.rpartition(":")[0] for address in listening[0] | listening[1]} <= {"127.0.0.1", "[::1]"}


def test_what_an_instance_keeps_is_readable_by_its_owner_only(two: tuple[Up, Up]) -> None:
    place = two[0].place
    for name in ("hub.env", "instance.json", "rabbitmq/rabbitmq.conf", "rabbitmq", "postgres", "logs"):
        assert not (place / name).stat().st_mode & 0o077, name


def test_status_is_found_from_inside_the_data_dir(two: tuple[Up, Up]) -> None:
    done = hub("status", "--json", cwd=two[0].place)
    assert json.loads(done.stdout)["url"] == f"http://127.0.0.1:{two[0].port}"
    assert hub("status", "--json", "--data-dir", "/nowhere").returncode == 1


def test_the_link_that_a_start_prints_signs_the_admin_in_once(two: tuple[Up, Up]) -> None:
    found = re.search(r"http://\S+/admin/sign-in/link/\S+", two[0].said())
    assert found is not None, two[0].said()
    assert found[0].startswith(f"http://127.0.0.1:{two[0].port}/")
    for place in ("/admin/account/", "/admin/sign-in/link/"):
        with httpx.Client(follow_redirects=True, timeout=30) as web:
            fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', web.get(found[0]).text))
            done = web.post(f"http://127.0.0.1:{two[0].port}/admin/sign-in/link/", data=fields)
            assert done.url.path == place


def test_a_second_start_in_the_same_data_dir_is_one_clear_sentence(two: tuple[Up, Up]) -> None:
    done = hub("up", "--no-demo", "--data-dir", str(two[0].place))
    assert done.returncode == 2
    assert done.stderr.startswith(f"hub: an instance already runs at http://127.0.0.1:{two[0].port}")
    assert done.stderr.count("\n") == 1
    assert two[0].status()


def test_the_doctor_finds_nothing_wrong(two: tuple[Up, Up]) -> None:
    done = hub("doctor", "--json", "--data-dir", str(two[0].place))
    findings = json.loads(done.stdout)
    assert [finding for finding in findings if finding["verdict"] == "fault"] == []
    assert {finding["what"] for finding in findings} >= {
        "python",
        "settings",
        "postgres",
        "rabbitmq",
        "migrations",
        "topology",
    }
    assert done.returncode == 0


@pytest.mark.parametrize("name", ["consumers", "postgres", "rabbitmq"])
def test_what_dies_is_started_again(two: tuple[Up, Up], name: str) -> None:
    one = two[1]
    before = one.pids()[name]
    os.kill(before, signal.SIGKILL)
    until(lambda: one.pids()[name] != before)
    assert started_at(one.pids()["gateway"])
    until(lambda: len(addresses(set(one.pids().values()))) >= 6, within=30)


async def test_an_instance_that_was_killed_comes_back_with_its_data_and_leaves_nothing(tmp_path: Path) -> None:
    one = start(tmp_path / "hub", free_ports([None])[0])
    one.wait_until_ready()
    secret = secrets.token_hex(8)
    connection = await asyncpg.connect(variable(one.place, "HUB_DATABASE_URL"))
    await connection.execute(f"CREATE TABLE kept AS SELECT '{secret}' AS word")
    await connection.close()
    before = one.pids()
    one.process.kill()
    one.process.wait()
    assert one.process.stdout is not None
    one.process.stdout.close()

    again = start(one.place, one.port)
    again.wait_until_ready()
    assert not any(started_at(pid) for pid in before.values())
    connection = await asyncpg.connect(variable(one.place, "HUB_DATABASE_URL"))
    assert await connection.fetchval("SELECT word FROM kept") == secret
    await connection.close()

    pids = again.pids()
    assert again.stop() == 0
    assert not any(started_at(pid) for pid in pids.values())
    assert leftovers(str(one.place)) == []
    assert {path.name for path in one.place.iterdir()} == {"hub.env", "logs", "postgres", "rabbitmq"}
    assert hub("status", "--data-dir", str(one.place)).returncode == 1


def test_a_start_that_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    up = start(tmp_path / "hub", free_ports([None])[0])
    until(lambda: len(leftovers(str(tmp_path / "hub"))) > 1)
    assert up.stop(signal.SIGINT) == 0
    assert leftovers(str(tmp_path / "hub")) == []


def test_a_taken_port_is_one_clear_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = hub("up", "--data-dir", str(tmp_path / "hub"), "--port", str(port))
    assert done.returncode == 2
    assert (
        done.stderr
        == f"hub: port {port} on 127.0.0.1 is taken: stop what listens there, or choose another with --port\n"
    )


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"HUB_PARTITIONS": "many"}, "HUB_PARTITIONS is wrong"),
        ({"HUB_PORT": "99999"}, "HUB_PORT is wrong"),
        ({"HUB_SECRET_KEY": "short"}, "HUB_SECRET_KEY is wrong"),
        ({"HUB_AMQP_URL": "http://u:p@127.0.0.1/"}, "HUB_AMQP_URL is wrong"),
        (
            {"HUB_AMQP_URL": "amqp://u:p@127.0.0.1:1/"},
            "hub: no RabbitMQ answers at 127.0.0.1:1: start it, or correct HUB_AMQP_URL",
        ),
        ({"HUB_DATABASE_URL": "postgresql://u:p@127.0.0.1:1/x", "HUB_AMQP_URL": "amqp://u:p@127.0.0.1:1/"}, "postgres"),
    ],
)
def test_a_wrong_setting_is_one_clear_sentence(tmp_path: Path, variables: dict[str, str], sentence: str) -> None:
    arguments = [] if "HUB_PORT" in variables else ["--port", str(free_ports([None])[0])]
    done = hub("up", "--data-dir", str(tmp_path / "hub"), *arguments, variables=variables)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert "aio_pika" not in done.stderr
    assert "u:p" not in done.stderr
    assert done.stdout == ""


def test_an_unwritable_data_dir_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = hub("up", "--data-dir", str(tmp_path / "file" / "hub"))
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_is_instant() -> None:
    def once() -> float:
        """Processor time, which a busy machine stretches less than the time on the wall."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert hub("--help").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert any(once() < 0.3 for _ in range(5))


def variable(place: Path, name: str) -> str:
    lines = (place / "hub.env").read_text().splitlines()
    return next(line.partition("=")[2] for line in lines if line.startswith(f"{name}="))
