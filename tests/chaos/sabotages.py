"""Hubs that are wrong in one way each. The history check must notice every one of them, by the right name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.chaos import wrong_gateways, wrong_writers

_OUTAGES = ("stop postgres, kill writers", "long lock, kill writers", "terminate backends")


@dataclass(frozen=True, slots=True)
class Sabotage:
    """A mistake, and how it comes to light.

    Args:
        plant: makes it, in a process of the hub that is about to start.
        caught_as: the categories of findings that show it.
        faults: under which it does harm, in this order; empty: without any.
    """

    plant: Callable[[], None]
    caught_as: frozenset[str]
    faults: Sequence[str] = ()


def _caught(*names: str) -> frozenset[str]:
    return frozenset(names)


SABOTAGES: Mapping[str, Sabotage] = {
    "ack before commit": Sabotage(wrong_writers.acks_before_the_commit, _caught("lost"), _OUTAGES),
    "events not confirmed": Sabotage(
        wrong_writers.confirms_no_event, _caught("lost", "gaps"), ("stop postgres, kill broker",) * 3
    ),
    "no dedupe": Sabotage(
        wrong_writers.forgets_what_was_applied,
        _caught("twice"),
        ("stop postgres, kill broker", "freeze broker", "kill both writers"),
    ),
    "dedupe elsewhere": Sabotage(wrong_writers.remembers_elsewhere, _caught("lost"), _OUTAGES),
    "nack in the middle": Sabotage(
        wrong_writers.nacks_in_the_middle, _caught("order"), ("stop postgres", "read-only postgres", "stop postgres")
    ),
    "two active consumers": Sabotage(
        wrong_writers.shares_partitions, _caught("order", "gaps"), ("stop postgres", "read-only postgres")
    ),
    "numbers outside": Sabotage(wrong_writers.numbers_outside, _caught("gaps"), ("long lock, kill writers",) * 2),
    "publish before commit": Sabotage(
        wrong_writers.publishes_before_the_commit, _caught("phantom"), ("long lock, kill writers",) * 2
    ),
    "lost movements": Sabotage(wrong_writers.loses_movements, _caught("ledger")),
    "webhook dropped on failure": Sabotage(wrong_writers.drops_failed_webhooks, _caught("webhooks")),
    "wrong signature": Sabotage(wrong_writers.signs_something_else, _caught("unsigned")),
    "no mandatory": Sabotage(wrong_gateways.publishes_without_mandatory, _caught("lost"), ("unbind partitions",) * 3),
    "answer before confirm": Sabotage(wrong_gateways.answers_before_the_confirm, _caught("lost"), ("kill broker",) * 2),
    "no receipts": Sabotage(wrong_writers.forgets_receipts, _caught("receipts")),
    "poison thrown away": Sabotage(wrong_writers.throws_poison_away, _caught("poison"), ("poison",) * 2),
    "poison in the way": Sabotage(wrong_writers.stands_still_over_poison, _caught("poison"), ("poison",) * 2),
    "no limit of time": Sabotage(wrong_gateways.waits_for_ever, _caught("hung")),
    "unscoped query": Sabotage(wrong_gateways.reads_everybody, _caught("leaks")),
    "relay without backlog": Sabotage(wrong_gateways.relays_without_backlog, _caught("gaps")),
    "lost idempotency": Sabotage(wrong_gateways.forgets_keys, _caught("twice", "phantom")),
}
"""What is wrong, by the name that `--sabotage` takes."""
