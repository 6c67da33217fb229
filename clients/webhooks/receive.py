#!/usr/bin/env python3
"""Receive webhooks with the specification's own library (pip install standardwebhooks).

    WEBHOOK_SECRET=whsec_... python clients/webhooks/receive.py 8099

Answers 204 to what is genuine, also the second time, and 400 to everything else.
"""

import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["WEBHOOK_SECRET"])
done: set[str] = set()


class Receiver(BaseHTTPRequestHandler):
    """One delivery a request."""

    def do_POST(self) -> None:
        """Verify the raw bytes, then act on what was not acted on before."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        try:
            event = webhook.verify(body, {name.lower(): value for name, value in self.headers.items()})
        except WebhookVerificationError:
            self.send_response(400)
        else:
            # A delivery is repeated until it is answered 2xx, so the same id may come twice.
            if self.headers["webhook-id"] not in done:
                done.add(self.headers["webhook-id"])
                print(f"webhook {event['sequence']}: {event['type']}", flush=True)
            self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Write no access log."""


HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
