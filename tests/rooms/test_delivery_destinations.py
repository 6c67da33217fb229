"""Nobody gets a connection into this network by a webhook: a listener on loopback sees none, whatever the URL or the name.

The table is that of hostile destinations: literals in every spelling, names that resolve to private addresses, that change
their address between two look-ups, that mix public and private ones; redirects; proxies of the environment.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_network

import pytest

from consumers.http_client import AttemptResult, DeliveryClient, attempt, open_delivery_client
from hub.security.destinations import check_url
from hub.settings import Settings
from tests.kit.name_server import NameServer, name_server

OWN = "127.0.0.2"
"""The one address that may be reached in these tests; the canary sits on 127.0.0.1 and ::1."""

LITERALS = (
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "017700000001", "0", "0.0.0.0", "127.0.0.1.",
    "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::1]", "[2001:0:7f00:1::]", "[fe80::1%25lo]", "[fec0::1]", "[fd00:ec2::254]", "[ff02::1]", "169.254.169.254", "10.0.0.1",
    "192.168.1.1", "172.16.0.1", "100.64.0.1", "100.100.100.200", "192.0.0.192", "198.18.0.1", "224.0.0.1", "255.255.255.255", "localhost",
    "localhost.", "LOCALHOST", "ip6-localhost", "metadata.google.internal", "①②⑦.⓪.⓪.①", "127。0。0。1",
)  # fmt: skip


class Canary:
    """Counts connections on 127.0.0.1 and ::1, at one port."""

    connections = 0
    port = 0

    def take(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.close()


@pytest.fixture
async def canary() -> AsyncIterator[Canary]:
    seen = Canary()
    servers = [await asyncio.start_server(seen.take, "127.0.0.1", 0)]
    seen.port = servers[0].sockets[0].getsockname()[1]
    with suppress(OSError):  # a machine without IPv6 cannot be reached by it either
        servers.append(await asyncio.start_server(seen.take, "::1", seen.port))
    yield seen
    for server in servers:
        server.close()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    monkeypatch.setattr("consumers.http_client.DNS_CACHE_SECONDS", 0)
    with name_server() as server:
        monkeypatch.setattr(socket, "getaddrinfo", server.getaddrinfo)
        yield server


@asynccontextmanager
async def a_client(*networks: str) -> AsyncIterator[DeliveryClient]:
    settings = Settings.model_validate({
        "database_url": "postgresql://x", "amqp_url": "amqp://x", "secret_key": "s" * 32,
        "webhooks_allow_networks": tuple(ip_network(network) for network in networks),
    })  # fmt: skip
    async with open_delivery_client(settings) as client:
        yield client


async def post(client: DeliveryClient, url: str, seconds: float = 3.0) -> AttemptResult:
    return await attempt(client, url, b"{}", {"content-type": "application/json"}, seconds)


@asynccontextmanager
async def a_receiver(answer: bytes = b"HTTP/1.1 204 X\r\nconnection: close\r\n\r\n") -> AsyncIterator[int]:
    opened: list[asyncio.StreamWriter] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):  # some only connect
            await reader.readuntil(b"\r\n\r\n{}")
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(take, OWN, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in opened:
            writer.transport.abort()
        await asyncio.sleep(0)


@pytest.mark.parametrize("host", LITERALS)
def test_no_literal_is_saved(host: str) -> None:
    for scheme in ("https", "http"):
        assert check_url(f"{scheme}://{host}:8443/hook")


async def test_no_literal_is_connected_to_though_it_were_saved(canary: Canary) -> None:
    async with a_client() as strict, a_client(f"{OWN}/32") as lax:
        for client in (strict, lax):
            for scheme in ("https", "http"):
                results = await asyncio.gather(
                    *(post(client, f"{scheme}://{host}:{canary.port}/hook") for host in LITERALS)
                )
                assert {result.status_code for result in results} == {None}
                # `request`: no URL for httpx; `dns`: no name for the resolver; the rest stopped at the gate.
                assert {result.error for result in results} <= {"refused_address", "request", "dns"}
    assert canary.connections == 0


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (["127.0.0.1"], "refused_address"), (["8.8.8.8", "127.0.0.1"], "refused_address"), (["127.0.0.1", "8.8.8.8"], "refused_address"),
        (["::1"], "refused_address"), (["2606:4700::1", "::1"], "refused_address"), (["8.8.8.8", "::1"], "refused_address"),
        (["::ffff:7f00:1"], "refused_address"), (["64:ff9b::7f00:1"], "refused_address"), (["2002:7f00:1::1"], "refused_address"),
        (["CNAME inside.example"], "refused_address"), (["169.254.169.254"], "refused_address"), (["CNAME nowhere.example"], "dns"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)  # fmt: skip
async def test_no_name_leads_inside(canary: Canary, names: NameServer, answer: list[str], error: str) -> None:
    names.answers |= {"hook.example": [answer], "inside.example": [["127.0.0.1"]]}
    async with a_client() as client:
        result = await post(client, f"https://hook.example:{canary.port}/hook")
    assert (result.error, canary.connections) == (error, 0)


async def test_a_name_that_rebinds_is_judged_by_the_address_of_its_connection(
    canary: Canary, names: NameServer
) -> None:
    async with a_client(f"{OWN}/32") as client, a_receiver() as port:
        names.answers["rebind.example"] = [[OWN], ["127.0.0.1"], ["::1"], [OWN]]
        results = [await post(client, f"http://rebind.example:{port}/") for _ in range(4)]
        # The same name, and the canary's own port, while it resolves to the canary.
        names.answers["rebind.example"] = [["127.0.0.1"]]
        results.append(await post(client, f"http://rebind.example:{canary.port}/"))
    assert [one.status_code or one.error for one in results] == [
        204, "refused_address", "refused_address", 204, "refused_address",
    ]  # fmt: skip
    assert canary.connections == 0
    assert results[0].address == OWN


async def test_a_name_is_looked_up_once_for_a_call_and_what_was_checked_is_what_is_called(
    canary: Canary, names: NameServer
) -> None:
    async with a_client(f"{OWN}/32") as client, a_receiver() as port:
        # A client that looks the name up for the check and again for the connection would end at the canary.
        names.answers["twice.example"] = [[OWN], ["127.0.0.1"]]
        result = await post(client, f"http://twice.example:{port}/")
    assert (result.status_code, names.asked) == (204, ["twice.example A", "twice.example AAAA"])
    assert canary.connections == 0


async def test_a_slow_name_server_costs_its_own_delivery_only(names: NameServer) -> None:
    names.answers |= {"slow.example": [[OWN]], "fast.example": [[OWN]]}
    names.slow["slow.example"] = 2.0
    async with a_client(f"{OWN}/32") as client, a_receiver() as port:
        slow = asyncio.ensure_future(post(client, f"http://slow.example:{port}/", 0.4))
        fast = await post(client, f"http://fast.example:{port}/", 1.5)
        assert (fast.status_code, (await slow).error) == (204, "timeout")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_redirect_leads_inside(canary: Canary, status: int) -> None:
    answer = f"HTTP/1.1 {status} X\r\nlocation: http://127.0.0.1:{canary.port}/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    async with a_client("127.0.0.0/8") as client, a_receiver(answer.encode()) as port:
        assert (await post(client, f"http://{OWN}:{port}/")).status_code == status
    assert canary.connections == 0


async def test_no_proxy_of_the_environment_sees_a_delivery(canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    async with a_client(f"{OWN}/32") as client, a_receiver() as port:
        assert (await post(client, f"http://{OWN}:{port}/")).status_code == 204
        await post(client, f"https://{OWN}:{port}/", 0.5)
    assert canary.connections == 0
