"""Guessing behind a proxy: who guesses is told by the proxy that is named, and by nobody else."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count

import httpx

from hub.settings import Settings
from tests.kit.gateway import running_gateway

# Every address of 127.0.0.0/8 is this machine's: a peer is told apart by the one it calls from.
PROXY, SOMEBODY = "127.0.0.3", "127.0.0.1"
ANN, BEN = "203.0.113.1", "203.0.113.2"
MOST_GUESSES = 12
# The hub's own command line believes no proxy; of two options that contradict each other uvicorn takes the last.
BELIEVING = ("--proxy-headers", "--forwarded-allow-ips", PROXY)


@asynccontextmanager
async def calling_from(url: str, address: str) -> AsyncIterator[httpx.AsyncClient]:
    """Open a browser whose connections come from an address; it has seen the door."""
    transport = httpx.AsyncHTTPTransport(local_address=address)
    async with httpx.AsyncClient(base_url=url, transport=transport, timeout=30) as web:
        yield web


async def guess(web: httpx.AsyncClient, forwarded_for: str) -> int:
    """Try a wrong password for Ann; the status."""
    headers = {"X-Forwarded-For": forwarded_for}
    page = await web.get("/admin/sign-in/", headers=headers)
    token = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)
    assert token is not None, page.text
    form = {"csrf": token[1], "username": "ann", "password": "a guess"}
    return (await web.post("/admin/sign-in/", data=form, headers=headers)).status_code


async def guess_until_refused(web: httpx.AsyncClient, forwarded_for: Iterator[str]) -> int:
    """Guess until the answer is to wait; how many guesses were let through."""
    for number, claimed in zip(range(MOST_GUESSES), forwarded_for, strict=False):
        if await guess(web, claimed) == 429:
            return number
    return MOST_GUESSES


async def test_the_named_proxy_says_who_guesses_and_others_wait_for_nobody(settings: Settings) -> None:
    async with (
        running_gateway(settings, options=BELIEVING) as stage,
        calling_from(stage.url, PROXY) as proxy,
    ):
        assert 5 <= await guess_until_refused(proxy, iter([ANN] * MOST_GUESSES)) < MOST_GUESSES
        assert await guess(proxy, BEN) == 401
        # A client that sends the header itself: the proxy adds the address it sees behind it, and that one counts.
        forged = (f"198.51.100.{number}, {ANN}" for number in count(1))
        assert await guess_until_refused(proxy, forged) <= 2


async def test_a_forged_header_from_anybody_else_changes_nothing(settings: Settings) -> None:
    async with (
        running_gateway(settings, options=BELIEVING) as stage,
        calling_from(stage.url, SOMEBODY) as somebody,
        calling_from(stage.url, PROXY) as proxy,
    ):
        # Another address with each guess gains nothing, and those that were claimed pay nothing.
        forged = (f"203.0.113.{number}" for number in count(1))
        assert 5 <= await guess_until_refused(somebody, forged) < MOST_GUESSES
        assert await guess(proxy, ANN) == 401


async def test_where_no_proxy_is_believed_all_behind_it_share_its_address(settings: Settings) -> None:
    async with (
        running_gateway(settings, options=["--no-proxy-headers"]) as stage,
        calling_from(stage.url, PROXY) as proxy,
    ):
        assert 5 <= await guess_until_refused(proxy, iter([ANN] * MOST_GUESSES)) < MOST_GUESSES
        assert await guess_until_refused(proxy, iter([BEN] * 3)) <= 2
