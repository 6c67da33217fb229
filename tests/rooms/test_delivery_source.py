"""Where webhooks come from: receivers put the sender's address on a list (Standard Webhooks, "Static source IPs")."""

import asyncio
from ipaddress import ip_address, ip_network

import pytest

from consumers.http_client import attempt, open_delivery_client
from hub.faults import SettingsError
from hub.settings import Settings

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@pytest.mark.parametrize("source", ["127.0.0.2", "127.0.0.3"])
async def test_webhooks_leave_from_the_address_that_the_setting_names(source: str) -> None:
    seen: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer.get_extra_info("peername")[0])
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with open_delivery_client(_from(source)) as client:
            result = await attempt(client, f"http://127.0.0.1:{port}/hook", b"", {}, 5.0)
    assert (result.status_code, seen) == (200, [source])


async def test_an_endpoint_of_the_other_family_is_not_called() -> None:
    async with open_delivery_client(_from("::1")) as client:
        result = await attempt(client, "http://127.0.0.1:9/hook", b"", {}, 5.0)
    assert (result.status_code, result.error) == (None, "connect")


async def test_an_address_of_another_machine_ends_the_start_with_a_sentence() -> None:
    with pytest.raises(SettingsError, match=r"HUB_WEBHOOKS_SOURCE_ADDRESS.*192\.0\.2\.1 is no address of this machine"):
        async with open_delivery_client(_from("192.0.2.1")):
            pass


def _from(source: str) -> Settings:
    return Settings(
        _env_file=None, database_url="postgresql://x", amqp_url="amqp://x", secret_key="s" * 32,
        webhooks_allow_networks=(ip_network("127.0.0.0/8"),), webhooks_source_address=ip_address(source),
    )  # fmt: skip
