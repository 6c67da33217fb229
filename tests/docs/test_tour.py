"""The README's tour works as it stands: its blocks are run, literally and in order, against a hub."""

import re
import subprocess

from tests.kit.guide import RunningHub, blocks_of, run_blocks
from tests.rooms.broker_proxy import a_free_port

BLOCKS = blocks_of("README.md", "tour")
TOUR_SECONDS = 120


def test_the_tour_has_its_six_stations() -> None:
    text = "".join(BLOCKS)
    for station in (
        "pharmacy create",
        "/api/inventory/bulk",
        "watch_events.py",
        "/api/sales/",
        "/api/orders/",
        "webhook_url",
    ):
        assert station in text


def test_the_blocks_are_valid_bash() -> None:
    checked = subprocess.run(["bash", "-n"], input="".join(BLOCKS), text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_tour_works_as_it_stands(hub: RunningHub) -> None:
    said = run_blocks(hub, BLOCKS, TOUR_SECONDS, {"HUB_URL": hub.url, "RECEIVER_PORT": str(a_free_port())})
    assert re.search(r"event \d+: sale\.recorded sales/", said), said
    assert re.search(r"event \d+: order\.status_changed orders/", said), said
    assert re.search(r"webhook \d+: sale\.recorded sales/\S+, signature verified", said), said
    item = re.search(r'"reserved": ?3\b', said)
    assert item, said
