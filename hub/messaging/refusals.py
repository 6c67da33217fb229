"""What RabbitMQ refuses while the topology is declared, as one sentence that says what to do."""

import re

from aiormq.exceptions import ChannelAccessRefused, ChannelPreconditionFailed

MARKER = "hub.partitions"  # the queue whose length limit is the number of partitions

_INEQUIVALENT = re.compile(
    r"inequivalent arg '(?P<argument>[^']*)' for (?P<kind>queue|exchange) '(?P<name>[^']*)' "
    r"in vhost '(?P<vhost>[^']*)': received (?P<received>.*) but current is (?P<current>.*)"
)


def explain_refusal(cause: BaseException | None) -> str | None:
    """Name the setting or the installation that is wrong; None when the cause is not the operator's to mend."""
    match cause:
        case ChannelPreconditionFailed():
            return _inequivalent(str(cause))
        case ChannelAccessRefused():
            return (
                "the user of HUB_AMQP_URL may not declare the hub's topology: "
                f"give it configure, write and read on its vhost ({cause})"
            )
        case _:
            return None


def _inequivalent(text: str) -> str:
    found = _INEQUIVALENT.search(text)
    if found is None:
        return f"RabbitMQ refuses the hub's topology: {text}"
    received, current = (re.sub(r"^(?:the value )?'([^']*)'.*", r"\1", found[name]) for name in ("received", "current"))
    if found["name"] == MARKER:
        return (
            f"HUB_PARTITIONS is {received}, but this broker was installed with {current}: "
            f"set HUB_PARTITIONS={current}, or use another vhost (queue '{MARKER}', argument '{found['argument']}')"
        )
    return (
        f"RabbitMQ's {found['kind']} '{found['name']}' has another '{found['argument']}' "
        f"({current}, the hub needs {received}): "
        f"empty and delete it in vhost '{found['vhost']}', or use another vhost"
    )
