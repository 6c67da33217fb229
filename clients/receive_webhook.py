#!/usr/bin/env python3
"""Receive the hub's webhooks on 127.0.0.1 and check their signatures, with the standard library alone.

    WEBHOOK_SECRET=whsec_... python clients/receive_webhook.py --port 8099

Prints one line for an event. An event that was delivered before is answered 204 and not printed again: the hub repeats
a delivery until it sees a 2xx, so a receiver has to know what it has done. `--until TYPE` ends the program with the
first event of that type.
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

TOLERANCE_SECONDS = 300
LONGEST_BODY_BYTES = 1 << 20


def is_signed(body: bytes, message_id: str, timestamp: str, signatures: str, secret: str) -> bool:
    """Check a delivery after Standard Webhooks: HMAC-SHA256 over id, time and body, any of the signatures."""
    if not timestamp.isdecimal() or abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    wanted = b"v1," + base64.b64encode(expected)
    return any(hmac.compare_digest(wanted, signature.encode()) for signature in signatures.split())


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to a delivery with a good signature and 400 to everything else."""

    secret = ""
    seen: ClassVar[set[str]] = set()
    types: ClassVar[set[str]] = set()

    def do_POST(self) -> None:
        """Take one delivery."""
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(min(length, LONGEST_BODY_BYTES))
        message_id = self.headers.get("webhook-id", "")
        timestamp = self.headers.get("webhook-timestamp", "")
        good = is_signed(body, message_id, timestamp, self.headers.get("webhook-signature", ""), self.secret)
        if good and message_id not in self.seen:
            self.seen.add(message_id)
            event = json.loads(body)
            self.types.add(event["type"])
            print(f"webhook {event['sequence']}: {event['type']} {event['subject']}, signature verified", flush=True)
        self.send_response(204 if good else 400)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Write no access log."""


def main() -> None:
    """Serve until the awaited event came, or for ever."""
    parser = argparse.ArgumentParser(description="Receive and verify webhooks.")
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument("--until", metavar="TYPE", help="end with the first event of this type")
    options = parser.parse_args()
    Receiver.secret = os.environ["WEBHOOK_SECRET"]
    with HTTPServer(("127.0.0.1", options.port), Receiver) as server:
        while options.until not in Receiver.types:
            server.handle_request()


if __name__ == "__main__":
    main()
