"""Stub until the reads are there."""

from typing import Any
from uuid import UUID

from litestar import Request, Response


async def read_page(request: Request[Any, Any, Any], listing: str, **fixed: object) -> Response[Any]:
    """Not there yet."""
    raise NotImplementedError


async def read_one(request: Request[Any, Any, Any], listing: str, resource_id: UUID, **fixed: object) -> Response[Any]:
    """Not there yet."""
    raise NotImplementedError
