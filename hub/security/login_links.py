"""Login links of the console: whoever holds the installation's secret may make one; the writer lets each in once."""

from datetime import datetime, timedelta
from typing import Final

from hub import clock
from hub.domain.fields import format_time
from hub.security.tokens import Tokens

PURPOSE: Final = "console-login-link"
LIFE: Final = timedelta(minutes=10)


def seal_login_link(tokens: Tokens, url: str, username: str) -> tuple[str, datetime]:
    """Make the address that signs an operator in, once, within ten minutes.

    Args:
        url: the hub's own, without a slash at its end.
    Returns:
        the address, and the time from which it is no good.
    """
    expires_at = clock.now() + LIFE
    value = {"username": username, "id": str(clock.new_id()), "until": format_time(expires_at)}
    return f"{url}/admin/sign-in/link/?token={tokens.seal(value, PURPOSE, expires_at)}", expires_at
