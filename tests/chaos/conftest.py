import gc
import logging
import shutil
from collections.abc import Iterator

import pytest

from tests.chaos.stage import Servers, open_servers
from tests.conftest import SESSION_DIR


@pytest.fixture(scope="module")
def breakable_servers(pytestconfig: pytest.Config) -> Iterator[Servers]:
    """Servers of this module's own, to be broken; in a folder that their users can walk to."""
    place = pytestconfig.stash[SESSION_DIR] / "chaos"
    place.mkdir(mode=0o711)
    quiet = [logging.getLogger(name) for name in ("aio_pika", "aiormq")]
    levels = [logger.level for logger in quiet]
    for logger in quiet:
        logger.setLevel(logging.CRITICAL)
    try:
        with open_servers(place) as servers:
            yield servers
    finally:
        gc.collect()  # connections that broke while they were opened complain here, not in a later test
        for logger, level in zip(quiet, levels, strict=True):
            logger.setLevel(level)
        shutil.rmtree(place, ignore_errors=True)
