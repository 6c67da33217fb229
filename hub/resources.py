"""The register: every command the hub knows, and the rule that decides it."""

from collections.abc import Mapping
from types import MappingProxyType

from hub.domain import inventory, orders, parked, pharmacies, sales, uploads, webhook_events
from hub.domain.command import Rule

COMMANDS: Mapping[str, Rule] = MappingProxyType(
    {
        rule.name: rule
        for module in (pharmacies, inventory, sales, orders, webhook_events, uploads, parked)
        for rule in module.RULES
    }
)
"""Type of a command to its rule: `sale.record` to what recording a sale means."""
