"""Nothing of the console writes to PostgreSQL: the gateway of every test beside this one logs in as who cannot."""

import pytest

from tests.conftest import Servers
from tests.kit.console_hub import only_reading
from tests.kit.in_process import Hub


def sessions(servers: Servers, database: str) -> set[tuple[str, bool]]:
    """Say who is logged in to a database, and whether they may become the writer."""
    said = servers.sql(
        "SELECT DISTINCT usename, pg_has_role(usename, 'hub_write', 'MEMBER') FROM pg_stat_activity "
        f"WHERE datname = '{database}' AND usename LIKE 'reader_%'"
    )
    return {(name, may == "t") for name, _, may in (line.partition("|") for line in said.splitlines())}


def test_the_consoles_gateway_is_logged_in_as_somebody_who_cannot_write(hub: Hub, servers: Servers) -> None:
    database = hub.settings.database_url.get_secret_value().rpartition("/")[2]
    ((name, may_write),) = sessions(servers, database)
    assert not may_write
    assert servers.sql(f"SELECT rolsuper FROM pg_roles WHERE rolname = '{name}'") == "f"


@pytest.mark.parametrize(
    "statement", ["UPDATE inventory_items SET name = 'x'", "DELETE FROM operators", "SET ROLE hub_write"]
)
async def test_who_only_reads_is_refused_every_write(hub: Hub, servers: Servers, statement: str) -> None:
    import asyncpg

    from hub.storage.database import credentials_of

    with only_reading(servers, hub.settings.database_url.get_secret_value()) as url:
        connection = await asyncpg.connect(**credentials_of(url))
        try:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        finally:
            await connection.close()
