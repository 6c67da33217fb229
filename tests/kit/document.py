"""The OpenAPI document of the routes, and a whole hub to try it on: what the contracts' tests share."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from litestar import Litestar

from gateway.openapi import openapi_document
from gateway.routes import ROUTES
from tests.conftest import Servers
from tests.kit.in_process import Hub, running_hub
from tests.kit.place import own_place

APP = Litestar(route_handlers=ROUTES, openapi_config=None)
DOCUMENT = openapi_document(APP)


@contextmanager
def a_whole_hub(servers: Servers, template_database: str) -> Iterator[Hub]:
    """Run a hub for all tests of a file: on a database and a virtual host of its own, without limits of rate.

    `hub.settings.database_url` ends in the database's name.
    """
    place = servers.session_dir / f"hub_{uuid4().hex}"
    place.mkdir()
    with (
        own_place(
            servers, template_database, place, amqp_management_url=servers.management_url,
            partitions=2, rate_limit_per_second=0, rate_limit_burst=0,
        ) as settings,
        running_hub(settings) as hub,
    ):  # fmt: skip
        yield hub
