"""The consumers' loopback port: figures and health."""

from pathlib import Path

import httpx

from hub.settings import Settings
from tests.kit.door import open_test_door
from tests.kit.processes import Consumers, consumers_process
from tests.kit.wait import eventually
from tests.rooms.broker_proxy import a_free_port


async def test_the_consumers_tell_what_they_did_and_how_they_are(settings: Settings, data_dir: Path) -> None:
    """What was applied, refused and parked is counted, with its lag; a second process goes without the port."""
    port = a_free_port()
    settings = settings.model_copy(update={"roles": ("writer", "janitor"), "consumers_metrics_port": port})
    with consumers_process(settings):
        async with open_test_door(settings) as door, httpx.AsyncClient(trust_env=False) as web:

            async def text(path: str = "/metrics") -> str:
                try:
                    return (await web.get(f"http://127.0.0.1:{port}{path}")).text
                except httpx.TransportError:
                    return ""

            pharmacy = await door.open_pharmacy()
            item = {"sku": "A", "name": "x", "price": "1.00"}
            assert (await door.send(pharmacy, "inventory.create", item))["status"] == "applied"
            assert (await door.send(pharmacy, "inventory.create", item))["status"] == "rejected"
            await door.publish(0, b"null")
            said = await eventually(text, lambda text: 'hub_commands_total{status="parked"} 1.0' in text)
            assert 'hub_commands_total{status="applied"} 2.0' in said
            assert 'hub_commands_total{status="rejected"} 1.0' in said
            assert "hub_apply_lag_seconds_count 4.0" in said
            assert "hub_window_commands_sum 4.0" in said
            assert 'hub_messages_waiting{role="writer"} 0.0' in said
            assert 'hub_silent_seconds{loop="writer: window"} 0.0' in said
            await eventually(text, lambda text: "hub_deliveries_overdue 0.0" in text and "hub_parked_waiting" in text)
            health = await web.get(f"http://127.0.0.1:{port}/health")
            assert health.status_code == 200
            assert health.json()["roles"]["writer"] == {"working": True, "waiting": 0}
            assert (await web.get(f"http://127.0.0.1:{port}/")).status_code == 404
            second = Consumers(settings, data_dir / "second.log")
            try:

                async def log() -> str:
                    return (data_dir / "second.log").read_text()

                await eventually(log, lambda text: "metrics.off" in text, within=60)  # a whole process starts
            finally:
                second.kill()
