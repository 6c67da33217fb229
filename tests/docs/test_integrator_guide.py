"""The integrators' guide leads from zero to the first receipt and the events, as it stands and within five minutes."""

import json
import os
import re
import sys
from pathlib import Path

from tests.kit.guide import RunningHub, blocks_of, run_blocks

GUIDE_SECONDS = 300


def test_the_guide_leads_from_zero_to_the_first_receipt_and_to_the_events(hub: RunningHub, tmp_path: Path) -> None:
    # The libraries are here already: those of the tests instead of an environment of the reader's own.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    said = run_blocks(
        hub, blocks_of("docs/integrator.md", "amqp"), GUIDE_SECONDS, {"PATH": path, "HOME": str(tmp_path)}
    )
    decoder, told, at = json.JSONDecoder(), [], 0
    while said[at] in "{[":
        receipt, end = decoder.raw_decode(said, at)
        told.append(receipt)
        at = end + 1
    first, sold, again = told
    assert [first["status"], *(one["status"] for one in sold)] == ["applied"] * 3
    assert again == sold
    assert [int(number) for number in re.findall(r"^event (\d+): ", said[at:], re.MULTILINE)] == [1, 2, 3, 4]
    (kept,) = tmp_path.glob("*.json")
    assert json.loads(kept.read_text()) == {"last": 4}
