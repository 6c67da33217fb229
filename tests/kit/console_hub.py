"""A whole hub for the tests of the console, on a database and virtual host of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from hub.settings import Settings
from tests.conftest import SECRET_KEY, Servers
from tests.kit.in_process import Hub, running_hub


@contextmanager
def console_hub(servers: Servers, template_database: str, data_dir: Path) -> Iterator[Hub]:
    """Run a hub; every test makes operators and pharmacies of its own."""
    name = f"t_{uuid4().hex}"
    servers.sql(f"CREATE DATABASE {name} TEMPLATE {template_database} STRATEGY FILE_COPY")
    servers.management("PUT", f"/api/vhosts/{name}")
    settings = Settings(
        _env_file=None,
        database_url=servers.database_url(name),
        amqp_url=servers.amqp_url(name),
        amqp_management_url=servers.management_url,
        secret_key=SECRET_KEY,
        data_dir=data_dir,
        metrics_port=0,
    )
    try:
        with running_hub(settings) as running:
            yield running
    finally:
        servers.management("DELETE", f"/api/vhosts/{name}")
        servers.sql(f"DROP DATABASE {name} WITH (FORCE)")
