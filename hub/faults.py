"""What can break.

HubFault
├── Unavailable     the world is down: hold, or 503 with Retry-After
├── Poison          this message can never be read: park it
├── TooMuch         one transaction would hold more than it may: take fewer commands
└── SettingsError   the installation is told something wrong: say one sentence and stop
"""


class HubFault(Exception):
    """A breakage that the hub knows by name."""


class Unavailable(HubFault):
    """A server the hub needs does not answer.

    Over HTTP this is a 503 with `Retry-After`; a consumer holds what it has and tries again. The operator looks at
    `/health/ready`, which names the server.

    Args:
        what: the server or queue, e.g. `rabbitmq`, `postgres`, `hub.commands.3`.
        detail: what was waited for and what to do.
        after_seconds: when trying again makes sense.
    """

    def __init__(self, what: str, detail: str = "", *, after_seconds: float = 1.0) -> None:
        super().__init__(f"{what} is unavailable{': ' + detail if detail else ''}")
        self.what = what
        self.detail = detail
        self.after_seconds = after_seconds


class Poison(HubFault):
    """A message that can never be applied, whatever the world does. It is parked with this reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TooMuch(HubFault):
    """What one transaction would read or write is more than a process may hold at once. Nothing of it was done.

    Args:
        count: how many.
        what: of what, e.g. `events`.
        fits: how many of its commands, the first ones, would not be too much; None: fewer.
    """

    def __init__(self, count: int, what: str, *, fits: int | None = None) -> None:
        super().__init__(f"{count} {what} are too much for one transaction")
        self.fits = fits


class SettingsError(HubFault):
    """A setting or the installation is wrong. The message is one sentence that says what to do."""
