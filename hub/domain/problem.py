"""Why a command is refused: the catalogue of problem types (RFC 9457)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple


class Kind(NamedTuple):
    """One type of problem: its HTTP status and its title."""

    status: int
    title: str


CATALOGUE: Mapping[str, Kind] = MappingProxyType(
    {
        "malformed": Kind(400, "The request cannot be read"),
        "unknown-parameter": Kind(400, "A query parameter is unknown or wrong"),
        "pharmacy-required": Kind(400, "Name the pharmacy to act for"),
        "unauthorized": Kind(401, "No valid API key"),
        "forbidden": Kind(403, "This key may not do that"),
        "not-found": Kind(404, "There is no such thing here"),
        "method-not-allowed": Kind(405, "This resource has no such method"),
        "not-acceptable": Kind(406, "This resource has no such form"),
        "duplicate": Kind(409, "Another one has that name"),
        "stale-quantity": Kind(409, "The quantity is another one by now"),
        "insufficient-stock": Kind(409, "There is not enough stock"),
        "invalid-transition": Kind(409, "An order does not move like that"),
        "immutable": Kind(409, "That cannot be changed any more"),
        "limit-reached": Kind(409, "There are as many of them as there may be"),
        "reserved": Kind(409, "Open orders hold reservations on it"),
        "endpoint-disabled": Kind(409, "The endpoint is not called"),
        "gone": Kind(410, "The log does not reach back that far"),
        "precondition-failed": Kind(412, "The resource is at another version by now"),
        "too-large": Kind(413, "The request is too large"),
        "unsupported-media-type": Kind(415, "The body's type is not accepted"),
        "validation": Kind(422, "The body does not fit"),
        "unknown-item": Kind(422, "An inventory item is unknown"),
        "idempotency-mismatch": Kind(422, "The Idempotency-Key was used for another request"),
        "precondition-required": Kind(428, "Changing a quantity needs a condition"),
        "too-many-requests": Kind(429, "Too many requests"),
        "headers-too-large": Kind(431, "The request's headers are too large"),
        "internal": Kind(500, "The hub made a mistake"),
        "parked": Kind(500, "The command was set aside"),
        "unavailable": Kind(503, "A part of the hub does not answer"),
    }
)


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault of a body: the JSON pointer (RFC 6901, as a URI fragment), a stable code, a sentence."""

    pointer: str
    code: str
    detail: str

    def dump(self) -> dict[str, str]:
        """Write it as JSON."""
        return {"pointer": self.pointer, "code": self.code, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal: a type of the catalogue, what happened and what to do, the faulty fields, further members."""

    slug: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The HTTP status of this type."""
        return CATALOGUE[self.slug].status

    def dump(self, instance: str | None = None) -> dict[str, Any]:
        """Write it as the members of an `application/problem+json` body."""
        kind = CATALOGUE[self.slug]
        body: dict[str, Any] = {
            "type": f"/problems/{self.slug}",
            "title": kind.title,
            "status": kind.status,
            "detail": self.detail,
            "instance": instance,
            "errors": [error.dump() for error in self.errors],
        }
        return body | dict(self.extra)


def read_problem(members: Mapping[str, Any]) -> Problem:
    """Read a problem that another process of the hub wrote with `Problem.dump`.

    Raises:
        KeyError: it is no problem of the catalogue.
    """
    slug = members["type"].removeprefix("/problems/")
    known = {"type", "title", "status", "detail", "instance", "errors"}
    errors = tuple(FieldError(each["pointer"], each["code"], each["detail"]) for each in members["errors"])
    if slug not in CATALOGUE:
        raise KeyError(slug)
    return Problem(slug, members["detail"], errors, {name: members[name] for name in members if name not in known})


def not_found(what: str) -> Problem:
    """Refuse because there is no such row in this pharmacy: the same answer for unknown and for another's."""
    return Problem("not-found", f"there is no such {what}; look for it in the list")
