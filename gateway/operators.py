"""Routes for operators read across pharmacies: the hub's own tables belong to none."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from litestar import Request

from gateway.auth import caller_of


def read_for_all(request: Request[Any, Any, Any]) -> UUID | None:
    """Let an operator read the hub's own rows; gives the pharmacy that `X-Pharmacy-Id` names, if it names one."""
    caller = caller_of(request)
    if caller.pharmacy_id is not None:
        request.scope["state"]["caller"] = replace(caller, pharmacy_id=None)
    return caller.pharmacy_id


def list_for_all(request: Request[Any, Any, Any]) -> None:
    """Let an operator list the hub's own rows; `X-Pharmacy-Id` is the same as the filter `pharmacy_id`, which wins."""
    pharmacy_id = read_for_all(request)
    query = request.scope["query_string"]
    if pharmacy_id is not None and not any(part.startswith(b"pharmacy_id=") for part in query.split(b"&")):
        request.scope["query_string"] = query + (b"&" if query else b"") + b"pharmacy_id=" + str(pharmacy_id).encode()
