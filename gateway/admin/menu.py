"""The menu: what a visitor may open, in groups, in this order."""

from dataclasses import dataclass, field
from typing import Final

from gateway.admin.choosing import may_write
from gateway.admin.entries import MODELS
from gateway.admin.sessions import Visitor

GROUPS: Final = ("", "Pharmacies", "Webhooks", "Hub")


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the menu.

    Args:
        role: `signed-in` also for pharmacies; `writer` for whoever changes what they have; else for operators.
    """

    label: str
    path: str
    icon: str
    group: str = ""
    role: str = "viewer"


@dataclass(slots=True)
class Group:
    """Entries under one heading; the current one has `is_here`."""

    label: str
    places: list[tuple[Place, bool]] = field(default_factory=list)


PLACES: Final = (
    Place("Overview", "/admin/", "layout-dashboard", role="signed-in"),
    Place("Live events", "/admin/live/", "broadcast", role="signed-in"),
    Place("Event log", "/admin/event-log/", "file-text", role="signed-in"),
    Place("Operations", "/admin/operations/", "list-details", role="signed-in"),
    Place("Reconciliation", "/admin/reconciliation/", "circle-check", role="signed-in"),
    Place("Import", "/admin/import/", "upload", "Pharmacies", role="writer"),
    *(
        Place(
            model.plural, f"/admin/{model.name}/", model.icon, model.group, "viewer" if model.is_hubs else "signed-in"
        )
        for model in MODELS.values()
    ),
    Place("Event queue", "/admin/event-queue/", "database", "Pharmacies", role="signed-in"),
    Place("Doctor", "/admin/doctor/", "stethoscope", "Hub"),
)


def tabs_of(pharmacy_id: object) -> list[tuple[str, str, str]]:
    """List the tabs of a pharmacy as operators see it: a name, its label, and where it leads."""
    models = [(model.name, model.plural) for model in MODELS.values() if not model.is_hubs]
    lists = [("live", "Live events"), ("event-log", "Event log"), *models, ("event-queue", "Event queue")]
    pages = [(name, label, f"/admin/{name}/?pharmacy={pharmacy_id}") for name, label in lists]
    return [("pharmacies", "About", f"/admin/pharmacies/{pharmacy_id}/"), *pages]


def menu_of(visitor: Visitor, path: str) -> list[Group]:
    """List what this visitor may open; nothing before a sign-in."""
    if visitor.caller is None:
        return []
    groups = {label: Group(label) for label in GROUPS}
    for place in PLACES:
        if may_write(visitor) if place.role == "writer" else place.role == "signed-in" or not visitor.is_portal:
            is_here = path.rstrip("/") == place.path.rstrip("/") or (
                place.path != "/admin/" and path.startswith(place.path)
            )
            groups[place.group].places.append((place, is_here))
    return [group for group in groups.values() if group.places]
