"""The OpenAPI document of the routes, and a whole hub to try it on: what the contracts' tests share."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from litestar import Litestar

from gateway.openapi import openapi_document
from gateway.routes import ROUTES
from hub.settings import Settings
from tests.conftest import SECRET_KEY, Servers
from tests.kit.in_process import Hub, running_hub

APP = Litestar(route_handlers=ROUTES, openapi_config=None)
DOCUMENT = openapi_document(APP)


@contextmanager
def a_whole_hub(servers: Servers, template_database: str) -> Iterator[Hub]:
    """Run a hub for all tests of a file: on a database and a virtual host of its own, without limits of rate.

    `hub.settings.database_url` ends in the database's name.
    """
    name = f"t_{uuid4().hex}"
    servers.sql(f"CREATE DATABASE {name} TEMPLATE {template_database} STRATEGY FILE_COPY")
    servers.management("PUT", f"/api/vhosts/{name}")
    place = servers.session_dir / name
    place.mkdir()
    chosen = Settings(
        _env_file=None,
        database_url=servers.database_url(name), amqp_url=servers.amqp_url(name), secret_key=SECRET_KEY, data_dir=place,
        amqp_management_url=servers.management_url,
        metrics_port=0, partitions=2, rate_limit_per_second=0, rate_limit_burst=0,
    )  # fmt: skip
    try:
        with running_hub(chosen) as hub:
            yield hub
    finally:
        servers.management("DELETE", f"/api/vhosts/{name}")
        servers.sql(f"DROP DATABASE {name} WITH (FORCE)")
