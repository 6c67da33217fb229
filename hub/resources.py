"""The register: every command the hub knows, and the rule that decides it."""

from collections.abc import Mapping
from types import MappingProxyType

from hub.domain import (
    feeds,
    integrators,
    inventory,
    mirroring,
    operator_keys,
    operators,
    orders,
    parked,
    pharmacies,
    sales,
    sources,
    unknown,
    uploads,
    webhook_deliveries,
    webhook_endpoints,
    webhook_events,
    webhook_reports,
)
from hub.domain.command import Rule

COMMANDS: Mapping[str, Rule] = MappingProxyType(
    {
        rule.name: rule
        for module in (
            pharmacies,
            inventory,
            sales,
            orders,
            webhook_events,
            sources,
            mirroring,
            uploads,
            parked,
            operators,
            operator_keys,
            webhook_endpoints,
            webhook_deliveries,
            webhook_reports,
            feeds,
            integrators,
            unknown,
        )
        for rule in module.RULES
    }
)
"""Type of a command to its rule: `sale.record` to what recording a sale means."""

UNKNOWN = "command.unknown"

AMQP_COMMANDS: Mapping[str, bool] = MappingProxyType(
    {
        "inventory.create": False,
        "inventory.replace": True,
        "inventory.update": True,
        "inventory.adjust": True,
        "inventory.delete": True,
        "sale.record": False,
        "sale.replace": True,
        "sale.update": True,
        "sale.void": True,
        "order.place": False,
        "order.replace": True,
        "order.update": True,
        "order.transition": True,
        "order.cancel": True,
        "webhook_event.receive": False,
        "webhook_event.replace": True,
        "webhook_event.update": True,
        "webhook_event.delete": True,
    }
)
"""The commands that integrators may publish, and whether each names a resource: where an HTTP path has its id, the body has
`id`. Commands that mint secrets or change who may come in are for HTTP alone: their answers would travel through queues."""
