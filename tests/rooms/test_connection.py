"""A connection finds a host that answers, comes back, and says what is wrong with it."""

import asyncio
import time

import aio_pika
import pytest

from hub.faults import SettingsError, Unavailable
from hub.messaging.connection import open_connection, within
from tests.rooms.broker_proxy import a_free_port, eventually, open_proxy


async def test_a_dead_host_is_passed_over(amqp_url: str) -> None:
    user, _, path = amqp_url.rpartition("@")
    vhost = path.partition("/")[2]
    dead = [f"{user}@127.0.0.1:{a_free_port()}/{vhost}" for _ in range(3)]
    for place in range(4):
        urls = [*dead[:place], amqp_url, *dead[place:]]
        async with open_connection(urls, name="test", wait_seconds=10) as connection:
            assert connection.hosts == 4
            assert connection.fault() is None


async def test_a_lost_host_leads_to_the_next_and_back(amqp_url: str) -> None:
    async with (
        open_proxy(amqp_url) as one,
        open_proxy(amqp_url) as other,
        open_connection([one.url, other.url], name="test") as connection,
    ):
        for _ in range(2):
            before = connection.underlay
            one.cut()
            other.cut()
            await eventually(lambda old=before: connection.fault() is None and connection.underlay is not old)
        assert {one.accepted, other.accepted} == {1, 2}


async def test_processes_and_connections_start_at_different_hosts(amqp_url: str) -> None:
    first = set()
    for name in ("publisher", "consumer", "a", "b", "c", "d"):
        urls = [amqp_url, amqp_url.replace("127.0.0.1", "localhost")]
        async with open_connection(urls, name=name) as connection:
            first.add(connection.url.host)
    assert first == {"127.0.0.1", "localhost"}


async def test_without_a_broker_the_connection_is_handed_out_and_comes_when_the_broker_does(amqp_url: str) -> None:
    async with open_proxy(amqp_url) as proxy:
        url = proxy.url
        await proxy.stop()
        started = time.monotonic()
        async with open_connection([url], name="test", wait_seconds=0.3) as connection:
            assert time.monotonic() - started < 1
            fault = connection.fault()
            assert fault is not None
            assert fault.what == "rabbitmq"
            await proxy.start()
            await eventually(lambda: connection.fault() is None)


async def test_a_host_that_accepts_and_says_nothing_does_not_hold_up_the_start_or_the_stop(amqp_url: str) -> None:
    async with open_proxy(amqp_url) as proxy:
        proxy.freeze()
        started = time.monotonic()
        async with open_connection([proxy.url], name="test", wait_seconds=0.3) as connection:
            assert connection.fault() is not None
        assert time.monotonic() - started < 2
        proxy.thaw()


async def test_closing_ends_though_the_host_is_frozen(amqp_url: str) -> None:
    async with open_proxy(amqp_url) as proxy:
        async with open_connection([proxy.url], name="test"):
            proxy.freeze()
            started = time.monotonic()
        assert time.monotonic() - started < 4
        proxy.thaw()


async def test_abandoning_a_frozen_host_ends_soon_and_frees_those_who_wait(amqp_url: str) -> None:
    async with open_proxy(amqp_url) as proxy, open_connection([proxy.url], name="test") as connection:
        underlay = connection.underlay
        assert underlay is not None
        proxy.freeze()
        opening = asyncio.create_task(within(30, underlay.channel(), "rabbitmq"))
        await eventually(lambda: bool(proxy.held))
        started = time.monotonic()
        await connection.abandon(underlay)
        assert connection.fault() is not None
        with pytest.raises(Unavailable):
            await opening
        assert time.monotonic() - started < 0.5
        proxy.thaw()
        await eventually(lambda: connection.fault() is None)


async def test_blocked_is_seen_and_passes(amqp_url: str) -> None:
    async with open_proxy(amqp_url) as proxy, open_connection([proxy.url], name="test") as connection:
        proxy.say_blocked()
        await eventually(lambda: "alarm" in str(connection.fault()))
        proxy.say_unblocked()
        await eventually(lambda: connection.fault() is None)


@pytest.mark.parametrize("wrong", ["password", "vhost"])
async def test_a_wrong_address_is_a_sentence(amqp_url: str, wrong: str) -> None:
    parts = aio_pika.connection.make_url(amqp_url)
    url = str(parts.with_password("wrong") if wrong == "password" else parts.with_path("/no-such-vhost"))
    with pytest.raises(SettingsError, match="HUB_AMQP_URL"):
        async with open_connection([url], name="test", wait_seconds=2):
            pass
    with pytest.raises(SettingsError, match="HUB_AMQP_URL"):
        async with open_connection([], name="test"):
            pass


async def test_a_real_cancellation_stays_one() -> None:
    task = asyncio.create_task(within(10, asyncio.Event().wait(), "x"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_stray_cancellation_is_unavailable() -> None:
    async def stray() -> None:
        raise asyncio.CancelledError

    with pytest.raises(Unavailable, match="dropped"):
        await within(10, stray(), "x")
