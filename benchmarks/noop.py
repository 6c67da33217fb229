"""The ceiling of the framework: a Litestar POST that reads its body and does nothing."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from litestar import Litestar, Request, Response, post
from litestar.status_codes import HTTP_202_ACCEPTED

from benchmarks.processes import free_port, open_process, wait_for_port

ROOT = Path(__file__).parent.parent


@post("/noop", status_code=HTTP_202_ACCEPTED)
async def accept(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Read the body, answer 202."""
    await request.body()
    return Response(b'{"status":"accepted"}', media_type="application/json")


def create_app() -> Litestar:
    """Make the application for uvicorn."""
    return Litestar([accept], openapi_config=None)


@asynccontextmanager
async def open_noop(directory: Path) -> AsyncIterator[str]:
    """Serve it as the gateway is served, by one uvicorn process; hand back its address."""
    port, log = free_port(), directory / "noop.log"
    command = [
        sys.executable, "-m", "uvicorn", "benchmarks.noop:create_app", "--factory", "--host", "127.0.0.1",
        "--port", str(port), "--no-access-log", "--log-level", "warning",
    ]  # fmt: skip
    async with open_process(command, log=log, cwd=ROOT) as process:
        await wait_for_port(process, port, log)
        yield f"http://127.0.0.1:{port}"
