"""The nemesis: a list of faults drawn from a seed, spread over the whole history, each healed before the next."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from tests.chaos.clients import Crowd
from tests.chaos.faults import FAULTS
from tests.chaos.history import History
from tests.chaos.stage import Stage

_WELL_SECONDS = 40.0
_IDLE_SECONDS = 20.0
_AT_WORK, _WHILE_BROKEN = 0.3, 0.85


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault and how long it is to last."""

    name: str
    seconds: float


def plan_faults(seed: int, count: int, names: Sequence[str] = (), *, scale: float = 1.0) -> list[Planned]:
    """Draw faults: every one comes once before any comes again.

    Args:
        names: only these.
        scale: of how long they last.
    """
    chance = random.Random(f"faults {seed}")
    plan: list[Planned] = []
    while len(plan) < count:
        deck = list(names or FAULTS)
        chance.shuffle(deck)
        plan += [Planned(name, round(FAULTS[name].draw(chance) * scale, 2)) for name in deck]
    return plan[:count]


async def strike(stage: Stage, crowd: Crowd, plan: Sequence[Planned]) -> None:
    """Break the hub while the clients write. The refs are dealt out evenly: each fault has its share.

    A fault comes when a third of its share has receipts, the rest is said while it lasts, but for a last part that is
    kept until it is healed.
    """
    chance = random.Random(f"nemesis {crowd.seed}")
    history, share = crowd.history, crowd.refs / (len(plan) + 1)
    for number, planned in enumerate(plan):
        crowd.allowed = int(share * (number + _WHILE_BROKEN))
        await _until(partial(_has_receipts, history, share * (number + _AT_WORK)), _IDLE_SECONDS)
        history.write("fault", name=planned.name, seconds=planned.seconds)
        await FAULTS[planned.name].breaks(stage, chance, planned.seconds)
        healed = history.write("heal", name=planned.name)
        crowd.allowed = int(share * (number + 1))
        await _until(partial(_was_received, history, healed), _WELL_SECONDS)
        if history.received_at > healed:
            history.write("well", name=planned.name, seconds=round(history.received_at - healed, 3))
    crowd.allowed = crowd.refs


def _has_receipts(history: History, goal: float) -> bool:
    return history.receipts >= goal


def _was_received(history: History, since: float) -> bool:
    return history.received_at > since


async def _until(is_so: Callable[[], bool], within: float) -> None:
    """Wait for something, but not for ever: a hub that is wrong may never get there."""
    until = asyncio.get_running_loop().time() + within
    while not is_so() and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(0.01)
