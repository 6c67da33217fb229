"""A whole hub for the tests of the console, on a database and virtual host of its own.

Its gateway logs in as somebody who may only read: whatever the console changes goes through the broker, or a test fails.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from pydantic import SecretStr

from tests.conftest import Servers
from tests.kit.in_process import Hub, running_hub
from tests.kit.place import own_place


@contextmanager
def console_hub(servers: Servers, template_database: str, data_dir: Path) -> Iterator[Hub]:
    """Run a hub; every test makes operators and pharmacies of its own."""
    with (
        own_place(servers, template_database, data_dir, amqp_management_url=servers.management_url) as settings,
        only_reading(servers, settings.database_url.get_secret_value()) as url,
        running_hub(settings, gateways=settings.model_copy(update={"database_url": SecretStr(url)})) as running,
    ):
        yield running


@contextmanager
def only_reading(servers: Servers, url: str) -> Iterator[str]:
    """Make somebody who logs in and has the two reading roles, no other; the address of a database with their name."""
    name, password = f"reader_{uuid4().hex}", uuid4().hex
    servers.sql(f"CREATE ROLE {name} LOGIN PASSWORD '{password}' IN ROLE hub_read, hub_read_all")
    parts = urlsplit(url)
    try:
        yield parts._replace(netloc=f"{name}:{password}@{parts.netloc.rpartition('@')[2]}").geturl()
    finally:
        servers.sql(f"DROP ROLE {name}")
