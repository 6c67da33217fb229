"""A whole hub for the tests of the console, on a database and virtual host of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import Servers
from tests.kit.in_process import Hub, running_hub
from tests.kit.place import own_place


@contextmanager
def console_hub(servers: Servers, template_database: str, data_dir: Path) -> Iterator[Hub]:
    """Run a hub; every test makes operators and pharmacies of its own."""
    with (
        own_place(servers, template_database, data_dir, amqp_management_url=servers.management_url) as settings,
        running_hub(settings) as running,
    ):
        yield running
