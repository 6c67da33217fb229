"""A pharmacy has at most 100 endpoints, sources and valid keys: each costs something with every event or request."""

from typing import Any

import pytest

from hub.domain.holdings import MOST, Holdings
from hub.domain.outcome import Accepted, Rejected
from tests.kit.builders import CORNER, HARBOUR, History, a_command, a_pharmacy

ENDPOINT = {"url": "https://shop.example/hook"}
THINGS: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    ("webhook_endpoint.create", ENDPOINT, {"minted": {"secret": "s"}}),
    ("source.create", {"name": "shop", "scheme": "github"}, {"minted": {"secret": "s"}}),
    ("api_key.create", {"name": "till"}, {"minted": {"key_digest": "d", "key_hint": "h"}}),
)


@pytest.mark.parametrize(("create", "body", "envelope"), THINGS)
def test_one_beyond_a_hundred_is_refused_though_all_come_in_one_window(
    create: str, body: dict[str, Any], envelope: dict[str, Any]
) -> None:
    history = History()
    for pharmacy in (CORNER, HARBOUR):
        history.accept("pharmacy.create", a_pharmacy(), pharmacy=pharmacy)
    commands = [a_command(create, body, **envelope) for _ in range(MOST + 1)]
    other = a_command(create, body, pharmacy=HARBOUR, **envelope)
    *outcomes, last, others = history.settle([*commands, other])
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert isinstance(last, Rejected)
    assert last.problem.slug == "limit-reached"
    assert f"may have {MOST}" in last.problem.detail
    assert isinstance(others, Accepted)


def test_what_is_there_counts() -> None:
    history = History()
    history.rows[Holdings, CORNER] = Holdings(CORNER, CORNER, endpoints=MOST, sources=MOST - 1)
    assert history.refuse(*THINGS[0][:2], **THINGS[0][2]).slug == "limit-reached"
    history.accept(*THINGS[1][:2], **THINGS[1][2])
    assert history.refuse(*THINGS[1][:2], **THINGS[1][2]).slug == "limit-reached"
