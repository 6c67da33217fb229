"""Processes that may not have more memory than they have: the largest file is taken in piece by piece."""

import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.domain.upload_rows import MAX_ROWS
from hub.settings import Settings
from tests.kit.gateway import GatewayStage, running_gateway
from tests.kit.processes import consumers_process
from tests.kit.wait import eventually
from tests.promises.outages import counted

MEGABYTE = 1_048_576
# The gateway keeps a file on disk, the writer a window of its rows in memory.
ROOM = {"gateway": 32 * MEGABYTE, "writer": 128 * MEGABYTE}


def memory_of(pid: int, name: str) -> int:
    """Read `VmSize`, `VmRSS` or `VmHWM` (the most it ever had) of a process, in bytes."""
    told = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(told[name].split()[0]) * 1024


def a_file(rows: int) -> Iterator[bytes]:
    """Make a table up, piece by piece."""
    yield b"sku,name,price,quantity\n"
    for number in range(rows):
        yield b"SKU-%06d,A name of a product that is as long as they are %06d,9.99,%d\n" % (
            number,
            number,
            number % 100,
        )


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_the_largest_file_fits_into_little_memory_and_one_that_is_larger_is_refused(settings: Settings) -> None:
    settings = settings.model_copy(
        update={"roles": ("writer",), "rate_limit_per_second": 0.0, "rate_limit_burst": 0, "partitions": 2}
    )
    with consumers_process(settings) as consumers:
        async with running_gateway(settings) as stage:
            key = await stage.add_key()
            assert await rows_of(stage, key.headers, 10) == 10  # all is loaded that it takes
            pids = {"gateway": stage.process.pid, "writer": consumers.pid}
            before = {name: memory_of(pid, "VmRSS") for name, pid in pids.items()}
            for pid in pids.values():
                most = memory_of(pid, "VmSize") + max(ROOM.values())
                resource.prlimit(pid, resource.RLIMIT_AS, (most, most))
            assert await rows_of(stage, key.headers, MAX_ROWS) == MAX_ROWS
            headers = key.headers | {"Content-Type": "text/csv"}
            refused = await stage.client.post(
                "/api/inventory/bulk", content=b"".join(a_file(10 * MAX_ROWS)), headers=headers
            )
            assert refused.status_code == 413, refused.text
            assert await rows_of(stage, key.headers, 10) == 10
            for name, pid in pids.items():
                grown = memory_of(pid, "VmHWM") - before[name]
                counted(f"a file of {MAX_ROWS} rows, MB that the {name} grew by", grown // MEGABYTE)
                assert grown < ROOM[name]


async def rows_of(stage: GatewayStage, headers: dict[str, str], rows: int) -> int:
    """Upload so many rows; the number of those that were applied."""
    named = headers | {"Content-Type": "text/csv"}
    taken = await stage.client.post("/api/inventory/bulk", content=b"".join(a_file(rows)), headers=named, timeout=60)
    assert taken.status_code == 202, taken.text

    async def look() -> dict[str, Any]:
        answer = await stage.client.get(taken.json()["upload_url"], headers=headers)
        upload: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
        return upload

    upload = await eventually(look, lambda upload: upload.get("status") == "done", within=120)
    return int(upload["applied"])
