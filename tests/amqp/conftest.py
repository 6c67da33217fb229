"""One hub on a broker of its own for all tests of the AMQP door; every test has pharmacies of its own."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Servers
from tests.kit.amqp import AmqpStage, Till, running_amqp_stage


@pytest.fixture(scope="session")
def stage(servers: Servers, template_database: str) -> Iterator[AmqpStage]:
    """The hub and its broker."""
    with tempfile.TemporaryDirectory(prefix="amqp-", dir=servers.session_dir) as folder:
        place = Path(folder)
        place.chmod(0o711)  # RabbitMQ's user walks through it
        with running_amqp_stage(servers, template_database, place) as running:
            yield running


@pytest.fixture
def till(stage: AmqpStage) -> Till:
    """A pharmacy of this test alone."""
    return stage.open_pharmacy()
