"""What starts the hub's two kinds of process: the packages' own servers, by name, as anybody could start them."""

GATEWAY = (
    *("uvicorn", "gateway.app:create_app", "--factory", "--loop", "uvloop", "--http", "gateway.protocol:HttpProtocol"),
    # Longer than clients and proxies let a connection rest (httpx 5 s, nginx and AWS 60 s): who closes first must be the one
    # who sends next, or a request meets the closing and is lost (RFC 9112 9.5).
    *("--timeout-keep-alive", "75", "--timeout-graceful-shutdown", "5"),
    # A message to a socket has at most 4 KiB, which is the gateway's own to say (`gateway.streams`); what is twice as long is
    # refused by its frame's head. uvicorn's own limit would let each socket fill 16 MiB of memory.
    *("--ws-max-size", "8192", "--ws-per-message-deflate", "false", "--no-access-log", "--no-proxy-headers"),
)
"""Takes `--host` and `--port`."""

CONSUMERS = ("faststream", "run", "consumers.app:create_app", "--factory")
