"""The runner's parts, without servers."""

import os
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hub.faults import SettingsError
from hub.security.derive import login_path
from hub.up import binaries
from hub.up.accounts import Account
from hub.up.broker import TlsListener
from hub.up.container import write_container_files
from hub.up.family import Backoff
from hub.up.instance import end_leftovers, find_instance, open_lock, prepare, write_instance
from hub.up.plan import make_plan
from hub.up.ports import free_ports, is_free
from hub.up.processes import MARK, started_at
from hub.up.reach import is_reachable, open_reach
from hub.up.runner import hub_processes


def test_a_port_that_somebody_has_is_not_chosen_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not is_free(port)
        first, second = free_ports([port, None])
        assert len({port, first, second}) == 3
    assert free_ports([first, first])[0] == first


def test_restarts_come_slower_and_slower_until_a_process_lives() -> None:
    backoff = Backoff()
    waits = [backoff.next_seconds(1) for _ in range(8)]
    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert backoff.next_seconds(60) == 0.2


def test_a_data_dir_has_one_instance_at_a_time_and_keeps_no_lock(tmp_path: Path) -> None:
    with open_lock(tmp_path), pytest.raises(SettingsError, match="already runs"), open_lock(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_strangers_process_with_the_same_id_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        write_instance(tmp_path, "http://x", "amqp://x", {"gateway": stranger.pid}, is_ready=True)
        text = (tmp_path / "instance.json").read_text()
        (tmp_path / "instance.json").write_text(text.replace(str(started_at(stranger.pid)), "another moment"))
        assert end_leftovers(tmp_path) == []
        assert stranger.poll() is None
        stranger.communicate(b"\n")


def test_what_a_killed_instance_left_is_ended_even_if_it_was_not_yet_written_down(tmp_path: Path) -> None:
    mark = {**os.environ, MARK: str(tmp_path)}
    argv = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=mark) as left:
        assert left.stdout is not None
        left.stdout.readline()
        assert end_leftovers(tmp_path) == [f"process {left.pid}"]
        assert left.wait() != 0


def test_a_postgresql_that_ended_and_was_not_reaped_locks_nothing(tmp_path: Path) -> None:
    lock = tmp_path / "postgres" / "postmaster.pid"
    lock.parent.mkdir()
    with subprocess.Popen(["true"]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays a zombie
        lock.write_text(f"{ended.pid}\n{lock.parent}\n")
        end_leftovers(tmp_path)
        assert not lock.exists()
    lock.write_text(f"{os.getpid()}\n{lock.parent}\n")
    end_leftovers(tmp_path)
    assert lock.exists()  # PostgreSQL decides about who lives


def test_an_instance_whose_runner_is_gone_does_not_run(tmp_path: Path) -> None:
    write_instance(tmp_path, "http://x", "amqp://x", {}, is_ready=True)
    found = find_instance(tmp_path)
    assert found is not None
    assert found.pids == {"runner": os.getpid()}
    text = (tmp_path / "instance.json").read_text()
    (tmp_path / "instance.json").write_text(text.replace(str(started_at(os.getpid())), "another moment"))
    assert find_instance(tmp_path) is None


def test_a_plan_is_remembered_and_the_operators_lines_stay(data_dir: Path) -> None:
    place = prepare(data_dir / "hub")
    port, other = free_ports([None, None])
    (place / "hub.env").write_text("# mine\nHUB_RATE_LIMIT_BURST=7\n")
    first = make_plan(place, {"HUB_PARTITIONS": "3"}, port=port)
    again = make_plan(place, {}, port=other)
    assert again.settings.rate_limit_burst == 7
    assert again.settings.partitions == 3  # fixed when it was made, though nobody says so any more
    assert again.settings.secret_key == first.settings.secret_key
    assert again.settings.database_url == first.settings.database_url
    assert again.settings.port == other
    assert make_plan(place, {"HUB_PORT": str(port)}, port=None).settings.port == port
    assert (place / "hub.env").read_text().startswith("# mine\nHUB_RATE_LIMIT_BURST=7\n")
    assert stat.S_IMODE((place / "hub.env").stat().st_mode) == 0o600


@pytest.mark.parametrize("wrong", [{"HUB_PARTITIONS": "x"}, {"HUB_PARTITIONS": "4", "HUB_RATE_LIMIT_BURST": "x"}])
def test_what_is_wrong_is_not_remembered(
    data_dir: Path, wrong: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = prepare(data_dir / "hub")
    make_plan(place, {}, port=free_ports([None])[0])
    before = (place / "hub.env").read_text()
    port = free_ports([None])[0]
    with pytest.raises(SettingsError, match="is wrong"):
        make_plan(place, wrong, port=port)
    assert (place / "hub.env").read_text() == before
    assert not (place / "hub.env.new").exists()
    assert make_plan(place, {}, port=free_ports([None])[0]).settings.partitions == 8


def test_the_brokers_tls_listener_is_a_matter_of_settings(data_dir: Path) -> None:
    place, (port, secure) = prepare(data_dir / "hub"), free_ports([None, None])
    plain = make_plan(place, {}, port=port)
    assert plain.broker is not None
    assert plain.broker.tls is None
    given = {
        "HUB_AMQP_TLS_PORT": str(secure),
        "HUB_AMQP_TLS_CERT": "/c.pem",
        "HUB_AMQP_TLS_KEY": "/k.pem",
        "HUB_HOST": "127.0.0.1",
    }
    found = make_plan(place, given, port=port)
    assert found.broker is not None
    assert found.broker.tls == TlsListener("127.0.0.1", secure, "/c.pem", "/k.pem")
    with pytest.raises(SettingsError, match="HUB_AMQP_TLS_KEY"):
        make_plan(prepare(data_dir / "half"), {**given, "HUB_AMQP_TLS_KEY": ""}, port=port)


def test_servers_that_are_named_are_used_and_not_started(data_dir: Path) -> None:
    place = prepare(data_dir / "hub")
    given = {
        "HUB_DATABASE_URL": "postgresql://u:p@db.example/x",
        "HUB_AMQP_URL": "amqp://u:p@one.example/,amqp://u:p@two.example/",
    }
    found = make_plan(place, given, port=free_ports([None])[0])
    assert (found.postgres, found.broker) == (None, None)
    assert found.settings.amqp_urls == ("amqp://u:p@one.example/", "amqp://u:p@two.example/")
    private = make_plan(place, {}, port=free_ports([None])[0])
    assert private.postgres is not None
    assert private.broker is not None


def test_data_without_its_secrets_does_not_start(data_dir: Path) -> None:
    place = prepare(data_dir / "hub")
    (place / "postgres").mkdir()
    with pytest.raises(SettingsError, match=r"hub\.env is missing"):
        make_plan(place, {}, port=None)


def test_a_value_with_quotes_survives(data_dir: Path) -> None:
    place = prepare(data_dir / "hub")
    key = 'it\'s "quoted" # and \\ long enough, really'
    assert (
        make_plan(place, {"HUB_SECRET_KEY": key}, port=free_ports([None])[0]).settings.secret_key.get_secret_value()
        == key
    )
    assert make_plan(place, {}, port=free_ports([None])[0]).settings.secret_key.get_secret_value() == key


def test_nobody_guesses_the_path_of_the_log_in_checks() -> None:
    assert login_path("a" * 32) != login_path("b" * 32)
    assert len(login_path("a" * 32)) > 50


def test_a_folder_behind_a_closed_door_is_handed_over_open(tmp_path: Path) -> None:
    inner = tmp_path / "closed" / "inner"
    inner.mkdir(parents=True)
    (inner / "file").write_text("here")
    (tmp_path / "closed").chmod(0o700)
    nobody = Account("nobody", 65534, 65534)
    assert not is_reachable(inner, nobody)
    with open_reach(inner, nobody) as reach:
        assert (Path(reach.place) / "file").read_text() == "here"
    with open_reach(inner, None) as reach:
        assert reach.place == str(inner)


@pytest.mark.parametrize("is_root", [True, False])
def test_missing_programs_are_one_sentence_with_the_line_to_run(
    monkeypatch: pytest.MonkeyPatch, *, is_root: bool
) -> None:
    monkeypatch.setattr(binaries, "find_broker", lambda: None)
    monkeypatch.setattr(binaries, "find_postgres", lambda: None)
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None)
    monkeypatch.setattr(os, "geteuid", lambda: 0 if is_root else 1000)
    installed: list[list[str]] = []
    monkeypatch.setattr(binaries, "_install", lambda names, _: installed.append(names))
    line = "apt-get install --no-install-recommends rabbitmq-server postgresql"
    with pytest.raises(SettingsError, match="no usable programs" if is_root else line):
        binaries.ensure_installed(postgres=True, broker=True)
    assert installed == ([["rabbitmq-server", "postgresql"]] if is_root else [])


def test_the_containers_secrets_are_made_once(tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("hub", "postgres", "rabbitmq")]
    for place in places:
        place.mkdir()
    assert write_container_files(*places)
    before = (places[0] / "hub.env").read_text()
    assert not write_container_files(*places)
    assert (places[0] / "hub.env").read_text() == before
    assert (places[1] / "password").read_text().strip() in before


@pytest.mark.parametrize(("told", "seconds"), [(None, 0.0), ("3", 3.0)])
def test_a_hub_on_a_terminal_ends_at_once_in_production_too_unless_it_is_told_to_drain(
    data_dir: Path, told: str | None, seconds: float
) -> None:
    """It has one gateway: nobody could be sent to another one meanwhile."""
    environment = {
        "HUB_DATABASE_URL": "postgresql://hub:secret@db.example.org/hub",
        "HUB_AMQP_URL": "amqp://hub:secret@one.example.org/",
        "HUB_ENVIRONMENT": "production",
        "HUB_PUBLIC_URL": "https://hub.example.org",
    } | ({} if told is None else {"HUB_DRAIN_SECONDS": told})
    plan = make_plan(prepare(data_dir / "hub"), environment, port=free_ports([None])[0])
    gateway, _ = hub_processes(plan, environment)
    assert float(gateway.env["HUB_DRAIN_SECONDS"]) == seconds
    assert gateway.stop_seconds > seconds + 5  # uvicorn's own patience comes on top
