"""Where the servers' programs are, and how to install them where they are not."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hub.faults import SettingsError

_POLICY = Path("/usr/sbin/policy-rc.d")
_BREW = (Path("/opt/homebrew/opt"), Path("/usr/local/opt"), Path("/home/linuxbrew/.linuxbrew/opt"))
_OLDEST_POSTGRES = 15


@dataclass(frozen=True, slots=True)
class PostgresPrograms:
    """The folder of `postgres`, `initdb` and `psql`, and their major version."""

    folder: Path
    version: int


@dataclass(frozen=True, slots=True)
class BrokerPrograms:
    """The scripts of RabbitMQ and Erlang's port mapper."""

    server: Path
    ctl: Path
    epmd: Path


def find_postgres(version: int | None = None) -> PostgresPrograms | None:
    """Find PostgreSQL 15 or newer, the newest first; only of the version given where one is (that of existing data)."""
    folders = [Path(place) for place in Path("/usr/lib/postgresql").glob("*/bin")]
    folders += [place / "bin" for brew in _BREW for place in brew.glob("postgresql@*")]
    if named := shutil.which("postgres"):
        folders.append(Path(named).resolve().parent)
    found = [
        PostgresPrograms(folder, major)
        for folder in folders
        if all((folder / name).exists() for name in ("postgres", "initdb", "psql")) and (major := _major(folder))
    ]
    fit = [
        programs for programs in found if programs.version >= _OLDEST_POSTGRES and version in {None, programs.version}
    ]
    return max(fit, key=lambda programs: programs.version, default=None)


def find_broker() -> BrokerPrograms | None:
    """Find RabbitMQ's own scripts.

    Debian's `/usr/sbin/rabbitmq-server` is a wrapper that insists on its own user and directories; the script in
    `/usr/lib/rabbitmq/bin` runs as anybody.
    """
    epmd = shutil.which("epmd", path=_path())
    folders = [
        Path("/usr/lib/rabbitmq/bin"),
        *(brew / "rabbitmq" / "sbin" for brew in _BREW),
        Path("/opt/rabbitmq/sbin"),
    ]
    named = shutil.which("rabbitmq-server")
    if named and not named.startswith("/usr/sbin/"):
        folders.append(Path(named).resolve().parent)
    for folder in folders:
        if epmd and (folder / "rabbitmq-server").exists() and (folder / "rabbitmqctl").exists():
            return BrokerPrograms(folder / "rabbitmq-server", folder / "rabbitmqctl", Path(epmd))
    return None


def ensure_installed(*, postgres: bool, broker: bool, assume_yes: bool = False) -> None:
    """Install the servers that are wanted and missing, with apt-get.

    On a terminal it asks first unless `assume_yes`. Without one root installs at once; anybody else is told the line.

    Raises:
        SettingsError: they are missing and were not installed; the sentence says how to.
    """
    missing = []
    if broker and find_broker() is None:
        missing.append("rabbitmq-server")
    if postgres and find_postgres() is None:
        missing.append("postgresql")
    if not missing:
        return
    names = " ".join(missing)
    line = f"apt-get install --no-install-recommends {names}"
    if not shutil.which("apt-get"):
        brew = " ".join({"rabbitmq-server": "rabbitmq", "postgresql": "postgresql@17"}[name] for name in missing)
        message = f"missing on this machine: {names}; install it (with Homebrew: brew install {brew}) and start again"
        raise SettingsError(message)
    root = os.geteuid() == 0
    sudo = [] if root else ["sudo"]
    may_ask = sys.stdin.isatty() and sys.stderr.isatty()
    if not root and not (shutil.which("sudo") and (may_ask or assume_yes)):
        message = f"missing on this machine: {names}; install it as root with: {line}"
        raise SettingsError(message)
    if (
        may_ask
        and not assume_yes
        and not _agrees(f"The hub needs {' and '.join(missing)}. Run {' '.join([*sudo, line])} now? [Y/n] ")
    ):
        message = f"missing on this machine: {names}; install it with: {' '.join([*sudo, line])}"
        raise SettingsError(message)
    _install(missing, sudo)
    if (broker and find_broker() is None) or (postgres and find_postgres() is None):
        message = f"apt-get installed {names}, but no usable programs came of it: the hub needs PostgreSQL {_OLDEST_POSTGRES} or newer"
        raise SettingsError(message)


def _install(names: list[str], sudo: list[str]) -> None:
    print(f"installing {' '.join(names)} (a minute)", file=sys.stderr, flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _without_system_services(may_write=not sudo):
        for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *names]):
            done = subprocess.run(
                [*sudo, "apt-get", *arguments],
                env=environment,
                stdin=None if sudo else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            # `update` also fails over one broken source of many: the install then tells whether it mattered.
            if done.returncode and arguments[0] == "install":
                said = (
                    " / ".join(line for line in done.stdout.splitlines() if line.startswith("E:"))
                    or done.stdout[-300:].strip()
                )
                message = f"apt-get could not install {' '.join(names)}: {said}"
                raise SettingsError(message)


@contextlib.contextmanager
def _without_system_services(*, may_write: bool) -> Iterator[None]:
    # Debian starts what it installs, on every address. The hub runs servers of its own, so the packages' services
    # stay down: policy-rc.d is Debian's way to say so, and is taken away again.
    ours = may_write and not _POLICY.exists()
    if ours:
        _POLICY.write_text("#!/bin/sh\nexit 101\n")
        _POLICY.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            _POLICY.unlink(missing_ok=True)


def _agrees(question: str) -> bool:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"", "y", "yes"}


def _major(folder: Path) -> int:
    try:
        said = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, check=False, timeout=10
        ).stdout
        return int("".join(character if character.isdigit() else " " for character in said).split()[0])
    except (OSError, IndexError, subprocess.TimeoutExpired):
        return 0


def _path() -> str:
    brew = ":".join(str(folder.parent / "bin") for folder in _BREW)
    return f"{os.environ.get('PATH', '')}:/usr/bin:/usr/local/bin:{brew}"


if __name__ == "__main__":
    try:
        ensure_installed(postgres=True, broker=True, assume_yes="--yes" in sys.argv)
    except SettingsError as fault:
        print(f"hub: {fault}", file=sys.stderr)
        sys.exit(2)
