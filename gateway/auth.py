"""Who calls, and what they may do: the caller behind a request, and the scope that a route asks for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from litestar.connection import ASGIConnection

from gateway.problems import refused
from hub.domain.operators import Role

OPERATOR_SCOPES = frozenset({"read", "write", "webhooks"})


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose request this is.

    Args:
        key_id: the key's id; limits count by it.
        pharmacy_id: the pharmacy that is acted for; None for an operator who names none.
        scopes: some of `read`, `write`, `webhooks`.
        actor: what commands and the audit call the caller, `key:<id>`, `operator:<id>` or `integrator:<id>`.
        expires_at: when the key ends; None: never.
        integrator_id: whose key it is, where it is an integrator's.
        role: of an operator; a key may do everything, a person at the console what their role says.
    """

    kind: Literal["pharmacy", "operator", "integrator"]
    key_id: UUID
    pharmacy_id: UUID | None
    scopes: frozenset[str]
    actor: str
    expires_at: datetime | None = None
    integrator_id: UUID | None = None
    role: Role = "admin"

    @property
    def is_operator(self) -> bool:
        """Tell an operator's key from a pharmacy's."""
        return self.kind == "operator"

    def pharmacy(self) -> UUID:
        """Name the pharmacy that is acted for.

        Raises:
            Refused: an operator named none (400).
        """
        if self.pharmacy_id is None:
            raise refused(
                "pharmacy-required", "an operator's key acts for one pharmacy: name it in the header X-Pharmacy-Id"
            )
        return self.pharmacy_id


def caller_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Caller:
    """Read who calls; the frame has put it there for every path under `/api/`."""
    caller: Caller = connection.scope["state"]["caller"]
    return caller


def header_of(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """Find a header by its lower-case name; the first one counts."""
    for key, value in headers:
        if key == name:
            return value
    return None


def scopes_of(options: Mapping[str, Any], method: str) -> str:
    """Name the scope that a route asks for: its `opt["scope"]`, else by its method."""
    scope: str = options.get("scope") or ("read" if method in {"GET", "HEAD"} else "write")
    return scope
