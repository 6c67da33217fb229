"""A database and a virtual host of their own: for a hub that many tests share."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from hub.settings import Settings
from tests.conftest import SECRET_KEY, Servers


@contextmanager
def own_place(servers: Servers, template_database: str, data_dir: Path, **others: Any) -> Iterator[Settings]:
    """Make them, and take them away at the end; `others` are settings beside those that name them."""
    name = f"t_{uuid4().hex}"
    servers.sql(f"CREATE DATABASE {name} TEMPLATE {template_database} STRATEGY FILE_COPY")
    servers.management("PUT", f"/api/vhosts/{name}")
    try:
        yield Settings(
            _env_file=None,
            database_url=servers.database_url(name),
            amqp_url=servers.amqp_url(name),
            secret_key=SECRET_KEY,
            data_dir=data_dir,
            metrics_port=0,
            **others,
        )
    finally:
        servers.management("DELETE", f"/api/vhosts/{name}")
        servers.sql(f"DROP DATABASE {name} WITH (FORCE)")
