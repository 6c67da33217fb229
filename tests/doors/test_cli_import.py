"""`hub import` and `hub events tail`, as a user runs them, against a gateway process and a real writer."""

import asyncio
import gzip
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit.consumers import running_consumers
from tests.kit.gateway import GatewayStage, TestKey

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
async def hub(live: GatewayStage) -> AsyncIterator[GatewayStage]:
    async with running_consumers(live.settings.model_copy(update={"roles": ("writer",)})):
        yield live


@pytest.fixture
async def key(hub: GatewayStage) -> TestKey:
    return await hub.add_key()


async def run(hub: GatewayStage, key: TestKey, *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub.cli", *arguments, "--url", hub.url, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, cwd=ROOT, env={**os.environ, "HUB_API_KEY": key.text},
    )  # fmt: skip
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_import_applies_the_demo_catalogue(hub: GatewayStage, key: TestKey) -> None:
    code, out, err = await run(hub, key, "import", "hub/demo/catalogue.csv", "--json")
    assert code == 0, err
    result = json.loads(out)
    assert (result["rows"], result["applied"], result["rejected"]) == (200, 200, 0)
    response = await hub.client.get("/api/inventory/?limit=500", headers=key.headers)
    assert len(response.json()["items"]) == 200


async def test_import_maps_the_fda_catalogue(hub: GatewayStage, key: TestKey, tmp_path: Path) -> None:
    file = tmp_path / "fda.csv.gz"
    file.write_bytes(
        gzip.compress(
            b"package_ndc,proprietary_name,dosage_form,strength,strength_unit,labeler\n"
            b'0002-5337-54,Verzenio,TABLET,150,mg/1,"Eli Lilly, and Company"\n'
            b"nonsense,Nothing,TABLET,1,mg/1,Nobody\n"
        )
    )
    code, out, err = await run(hub, key, "import", str(file), "--json")
    assert code == 1
    assert "line 3" in err
    assert json.loads(out)["applied"] == 1
    (fault,) = [json.loads(line) for line in (tmp_path / "fda.csv.gz.errors.ndjson").read_text().splitlines()]
    assert fault["line"] == 3
    response = await hub.client.get("/api/inventory/", headers=key.headers)
    assert response.json()["items"][0]["name"] == "Verzenio 150 mg tablet"


async def test_faults_that_only_the_writer_finds_name_the_line_of_the_file(
    hub: GatewayStage, key: TestKey, tmp_path: Path
) -> None:
    file = tmp_path / "sales.ndjson"
    file.write_text('\n{"sku":"NOPE","quantity":1,"total_price":"1.00"}\n{"sku":\n')
    code, out, err = await run(hub, key, "import", str(file), "--kind", "sales")
    assert code == 1
    assert "line 2: #/sku there is no item NOPE" in err
    assert "line 3: # the row is not JSON" in err
    assert "2 rows: 0 applied, 2 rejected" in out


async def test_dry_run_sends_nothing(hub: GatewayStage, key: TestKey) -> None:
    code, out, _ = await run(hub, key, "import", "hub/demo/catalogue.csv", "--dry-run")
    assert (code, out) == (0, "200 rows checked, 0 wrong; nothing was sent\n")
    response = await hub.client.get("/api/inventory/", headers=key.headers)
    assert response.json()["items"] == []


async def test_a_broken_file_is_one_sentence(hub: GatewayStage, key: TestKey, tmp_path: Path) -> None:
    file = tmp_path / "broken.csv"
    file.write_text("sku,nome\nA,B\n")
    code, out, err = await run(hub, key, "import", str(file))
    assert (code, out) == (2, "")
    assert err.startswith(
        "hub: broken.csv cannot be imported: the first line does not name the columns; there is no column 'nome'"
    )


async def test_tail_prints_events_and_ends_after_the_count(hub: GatewayStage, key: TestKey) -> None:
    events = await hub.happen(key.pharmacy_id, 2)
    await hub.happen(key.pharmacy_id, 1, "order.placed")
    code, out, err = await run(hub, key, "events", "tail", "--after", "0", "--count", "2", "--json", "--type", "sale.*")
    assert code == 0, err
    assert out == "".join(event.body + "\n" for event in events)
    code, out, _ = await run(hub, key, "events", "tail", "--after", "2", "--count", "1")
    assert "order.placed" in out
    code, _, err = await run(hub, key, "events", "tail", "--after", "99")
    assert code == 2
    assert "4400" in err
