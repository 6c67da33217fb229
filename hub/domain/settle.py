"""Settle a window: decide many commands of many pharmacies in order, as if they came one by one."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from hub.domain.command import Command, Rule
from hub.domain.outcome import Accepted, Outcome, Rejected
from hub.domain.state import NotLoaded, Ref, State

Wanted = tuple[UUID, Ref]
"""A pharmacy, and the name of one of its rows."""


def touched(commands: Sequence[Command], rules: Mapping[str, Rule]) -> set[Wanted]:
    """Name the rows that the commands are known to need before any is decided."""
    return {
        (command.pharmacy_id, ref)
        for command in commands
        if command.refused is None
        for ref in rules[command.type].touches(command)
    }


def settle(
    commands: Sequence[Command], rules: Mapping[str, Rule], rows: Mapping[Wanted, Any], now: datetime
) -> tuple[list[Outcome], set[Wanted]]:
    """Decide every command; each sees what the ones before it changed.

    Args:
        rows: what the database has (None: nothing), for every name asked for so far.
        now: the time the window is applied.
    Returns:
        The outcomes and the rows that were missing. With any missing, the outcomes are a guess: load them, call again.
    """
    states = _states(rows, now)
    outcomes: list[Outcome] = []
    missing: set[Wanted] = set()
    for command in commands:
        if command.refused is not None:
            outcomes.append(Rejected(command.refused))
            continue
        state = states.get(command.pharmacy_id)
        if state is None:
            state = states[command.pharmacy_id] = State(command.pharmacy_id, now)
        try:
            outcome = rules[command.type].decide(state, command)
        except NotLoaded as gap:
            missing.update((command.pharmacy_id, ref) for ref in gap.refs)
            continue
        except Exception as error:
            # After a miss the rest of the pass decides on a guess; its errors mean nothing.
            if missing:
                continue
            error.add_note(f"operation {command.operation_id}")
            raise
        if isinstance(outcome, Accepted):
            state.apply(outcome.changes)
        outcomes.append(outcome)
    return outcomes, missing


def _states(rows: Mapping[Wanted, Any], now: datetime) -> dict[UUID, State]:
    found: dict[UUID, dict[Ref, Any]] = {}
    for (pharmacy_id, ref), row in rows.items():
        found.setdefault(pharmacy_id, {})[ref] = row
    states = {}
    for pharmacy_id, refs in found.items():
        states[pharmacy_id] = State(pharmacy_id, now)
        states[pharmacy_id].load(refs)
    return states
