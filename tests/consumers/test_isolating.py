"""Where a window that broke is cut: around those who may be to blame."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import orjson
import pytest

from consumers.envelope import Arrived, read_message
from consumers.isolating import cut
from hub.domain.command import Command
from hub.domain.outcome import Outcome
from hub.domain.settle import settle, touched
from hub.domain.state import State
from hub.resources import COMMANDS


def _window(*names: str) -> list[Arrived]:
    envelopes = [
        {
            "operation_id": str(uuid4()), "pharmacy_id": str(uuid4()), "resource_id": str(uuid4()), "type": "inventory.create",
            "accepted_at": "2026-11-24T12:00:00Z", "body": {"sku": "A", "name": name, "price": "1.00"},
        }
        for name in names
    ]  # fmt: skip
    return [one for one in read_message(orjson.dumps(envelopes), 0) if isinstance(one, Arrived)]


def _shape(window: list[Arrived], error: Exception) -> list[int]:
    pieces = cut(window, error)
    assert [one for piece in pieces for one in piece] == window
    return [len(piece) for piece in pieces]


def test_into_quarters_where_nobody_is_known() -> None:
    assert _shape(_window(*"abcdefghi"), ValueError()) == [3, 3, 3]
    assert _shape(_window(*"abcdefgh"), ValueError()) == [2, 2, 2, 2]
    assert _shape(_window("a"), ValueError()) == [1]


@pytest.mark.parametrize("at", range(5))
def test_around_the_row_that_postgresql_names(at: int) -> None:
    window = _window(*"abcde")
    error = asyncpg.CheckViolationError()
    error.detail = f"Failing row contains ({window[at].command.resource_id}, null, b)."
    assert _shape(window, error) == [size for size in (at, 1, 4 - at) if size]


def test_around_the_command_whose_rule_breaks() -> None:
    window = _window("a", "b", "broken", "d", "e")
    rule = COMMANDS["inventory.create"]

    def decide(state: State, command: Command) -> Outcome:
        assert command is not window[2].command, "a bug of ours"
        return rule.decide(state, command)

    rules = {rule.name: replace(rule, decide=decide)}
    rows = dict.fromkeys(touched([one.command for one in window], rules))
    with pytest.raises(AssertionError) as raised:
        settle([one.command for one in window], rules, rows, datetime.now(UTC))
    assert _shape(window, raised.value) == [2, 1, 2]


def test_around_every_character_that_postgresql_does_not_know() -> None:
    assert _shape(_window("a", "b\x00", "c", "d", "e\x00", "f\x00"), ValueError()) == [1, 1, 2, 1, 1]
    assert _shape(_window("a\x00", "b\x00"), ValueError()) == [1, 1]
