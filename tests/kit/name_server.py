"""A real name server on loopback that answers as it is told, and changes its mind: for names that rebind."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dnslib  # type: ignore[import-untyped]
import dnslib.server  # type: ignore[import-untyped]


@dataclass(slots=True)
class NameServer:
    """What it answers: for each name a list of answers, one a question, the last one for ever.

    An answer is addresses (IPv4 or IPv6), or `["CNAME other.example"]`. A name that it does not know does not exist.
    """

    answers: dict[str, list[Sequence[str]]] = field(default_factory=dict)
    slow: dict[str, float] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    port: int = 0

    def resolve(self, request: Any, _handler: Any) -> Any:
        """Answer one question (dnslib's interface)."""
        reply = request.reply()
        name = str(request.q.qname).rstrip(".")
        kind = dnslib.QTYPE[request.q.qtype]
        time.sleep(self.slow.get(name, 0.0))  # as slow as it was told to be
        if name not in self.answers:
            reply.header.rcode = dnslib.RCODE.NXDOMAIN
            return reply
        turns = self.answers[name]
        # A and AAAA are one question to whoever looks a name up: the turn changes with the second of them.
        records = turns.pop(0) if kind == "AAAA" and len(turns) > 1 else turns[0]
        self.asked.append(f"{name} {kind}")
        for record in records:
            if record.startswith("CNAME "):
                reply.add_answer(dnslib.RR(name, dnslib.QTYPE.CNAME, rdata=dnslib.CNAME(record[6:]), ttl=0))
            elif ":" in record and kind == "AAAA":
                reply.add_answer(dnslib.RR(name, dnslib.QTYPE.AAAA, rdata=dnslib.AAAA(record), ttl=0))
            elif ":" not in record and kind == "A":
                reply.add_answer(dnslib.RR(name, dnslib.QTYPE.A, rdata=dnslib.A(record), ttl=0))
        return reply

    def look_up(self, name: str) -> list[str]:
        """Ask over the wire, as a stub resolver does: A, then AAAA, through aliases.

        Raises:
            socket.gaierror: the name does not exist or has no address.
        """
        found: list[str] = []
        for _ in range(4):
            alias = None
            for kind in ("A", "AAAA"):
                packet = dnslib.DNSRecord.question(name, kind).send("127.0.0.1", self.port, timeout=10)
                for record in dnslib.DNSRecord.parse(packet).rr:
                    if record.rtype == dnslib.QTYPE.CNAME:
                        alias = str(record.rdata).rstrip(".")
                    else:
                        found.append(str(record.rdata))
            if found or alias is None:
                break
            name = alias
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return found

    def getaddrinfo(self, host: str, port: int, *_args: Any, **_options: Any) -> list[Any]:
        """Stand in for the C library's, which has its own idea of where name servers are."""
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (one, port, 0, 0))
            if ":" in one
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
            for one in self.look_up(host)
        ]


@contextmanager
def name_server() -> Iterator[NameServer]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    names = NameServer()
    server = dnslib.server.DNSServer(
        names, port=0, address="127.0.0.1", logger=dnslib.server.DNSLogger(logf=lambda _: None)
    )
    names.port = server.server.server_address[1]
    # dnslib's own thread looks twice a second whether it is to end.
    thread = threading.Thread(target=server.server.serve_forever, args=(0.02,), name="name server", daemon=True)
    thread.start()
    try:
        yield names
    finally:
        server.server.shutdown()
        server.server.server_close()
        thread.join()
