import logging
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.stage import Servers, open_servers


@pytest.fixture(scope="module")
def breakable_servers() -> Iterator[Servers]:
    """Servers of this module's own, to be broken; in a folder that their users can walk to."""
    place = Path(tempfile.mkdtemp(prefix="pharmacy-hub-chaos-"))
    place.chmod(0o711)
    quiet = [logging.getLogger(name) for name in ("aio_pika", "aiormq")]
    levels = [logger.level for logger in quiet]
    for logger in quiet:
        logger.setLevel(logging.CRITICAL)
    try:
        with open_servers(place) as servers:
            yield servers
    finally:
        for logger, level in zip(quiet, levels, strict=True):
            logger.setLevel(level)
        shutil.rmtree(place, ignore_errors=True)
