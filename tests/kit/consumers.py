"""The consumers' process, inside the test's own."""

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from unittest.mock import patch

from standardwebhooks import Webhook

from consumers.app import create_app
from hub.security.signatures import SECRET_PREFIX, sign
from hub.settings import Settings


def _sign_twice(message_id: str, at: datetime, body: bytes, secrets: Iterable[str]) -> dict[str, str]:
    """Sign as the hub does, and look that the independent library signs the same."""
    secrets = list(secrets)
    headers = sign(message_id, at, body, secrets)
    signatures = headers["webhook-signature"].split(" ")
    for secret in secrets:
        if secret.startswith(SECRET_PREFIX):  # the library knows `v1` only
            assert Webhook(secret).sign(message_id, at, body.decode()) in signatures, "the two libraries differ"
    return headers


@asynccontextmanager
async def running_consumers(settings: Settings) -> AsyncIterator[None]:
    """Run the roles of these settings, and drain them at the end."""
    of_pytest = [one for one in logging.getLogger().handlers if type(one).__module__.startswith("_pytest")]
    app = create_app(settings)
    # The hub's handler took the place of pytest's, by which a test shows what it measured.
    logging.getLogger().handlers += of_pytest
    # Every delivery is looked at, also one whose receiver does not verify or never answers.
    with patch("consumers.calling.sign", _sign_twice):
        async with app.lifespan_context():
            await app.start()
            try:
                yield
            finally:
                await app.stop()
