"""Secrets for `docker compose`: made once, each written where only its reader mounts it."""

import os
import secrets
from pathlib import Path

from hub.messaging.server import dump_configuration, login_addresses
from hub.security.derive import login_path, mint_secret_key
from hub.up.broker import USER
from hub.up.postgres import ROLE

_HUB_UID = 10001  # the user of the image; see Dockerfile


def write_container_files(hub_dir: Path, postgres_dir: Path, rabbitmq_dir: Path) -> bool:
    """Write `hub.env`, PostgreSQL's password and RabbitMQ's user and log-in addresses; False when they are there.

    The names of the other containers are those of `docker-compose.yml`.
    """
    environment = hub_dir / "hub.env"
    if environment.exists():
        return False
    secret_key, database_password, broker_password = (
        mint_secret_key(),
        secrets.token_urlsafe(24),
        secrets.token_urlsafe(24),
    )
    login = f"http://gateway:8000{login_path(secret_key)}"
    broker = {"default_user": USER, "default_pass": broker_password, **login_addresses(login)}
    # The images read these as users of their own; nothing but that one server mounts the folder.
    _write(rabbitmq_dir / "50-hub.conf", dump_configuration(broker), 0o644)
    _write(postgres_dir / "password", f"{database_password}\n", 0o644)
    settings = [
        f"HUB_SECRET_KEY={secret_key}",
        f"HUB_DATABASE_URL=postgresql://{ROLE}:{database_password}@postgres:5432/{ROLE}",
        f"HUB_AMQP_URL=amqp://{USER}:{broker_password}@rabbitmq:5672/",
        f"HUB_AMQP_MANAGEMENT_URL=http://{USER}:{broker_password}@rabbitmq:15672",
    ]
    # Last, and in one step: it says that all is written.
    _write(hub_dir / "hub.env.new", "".join(f"{line}\n" for line in settings), 0o600)
    if os.geteuid() == 0:
        os.chown(hub_dir / "hub.env.new", _HUB_UID, _HUB_UID)
    (hub_dir / "hub.env.new").rename(environment)
    return True


def _write(path: Path, text: str, mode: int) -> None:
    path.touch(mode=mode)
    path.chmod(mode)
    path.write_text(text)
