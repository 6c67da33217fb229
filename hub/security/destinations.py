"""Which addresses a webhook may reach: its URL's text when it is saved, and every address when it is called.

The text is checked for the user's sake, to answer 422 at once. What protects the network is `refuse_address`, asked for
each address that a socket is opened to; a name is never trusted for what it meant a moment ago.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

URL_LENGTH: Final = 2048
HTTPS_PORT: Final = 443
LOWEST_OPEN_PORT: Final = 1024
HIGHEST_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is wrong with a URL: a stable word and a sentence for the user."""

    code: str
    detail: str


def _networks(table: Mapping[str, str]) -> tuple[tuple[Network, str], ...]:
    return tuple((ip_network(text), reason) for text, reason in table.items())


# Where clouds keep the keys of a machine. No setting opens these.
_METADATA: Final = _networks(
    {
        "169.254.0.0/16": "link-local, where clouds serve credentials",
        "100.100.100.200/32": "a metadata service (Alibaba)",
        "168.63.129.16/32": "a metadata service (Azure)",
        "192.0.0.192/32": "a metadata service (Oracle)",
        "fd00:ec2::/32": "a metadata service (AWS)",
        "fd20:ce::254/128": "a metadata service (Google)",
        "fd00:42::42/128": "a metadata service (Scaleway)",
        "fe80::a9fe:a9fe/128": "a metadata service",
    }
)

# Not `ipaddress.is_global`: in Python 3.11 it calls NAT64, 6to4, ::127.0.0.1, fec0::/10 and multicast global.
# Source: the IANA special-purpose address registries (RFC 6890 and its updates) and the RFCs named.
_DENIED: Final = _networks(
    {
        "0.0.0.0/8": "this network (RFC 791)",
        "10.0.0.0/8": "private (RFC 1918)",
        "100.64.0.0/10": "shared by carriers (RFC 6598)",
        "127.0.0.0/8": "loopback (RFC 1122)",
        "172.16.0.0/12": "private (RFC 1918)",
        "192.0.0.0/24": "protocol assignments (RFC 6890)",
        "192.0.2.0/24": "documentation (RFC 5737)",
        "192.88.99.0/24": "6to4 relays (RFC 7526)",
        "192.168.0.0/16": "private (RFC 1918)",
        "198.18.0.0/15": "benchmarking (RFC 2544)",
        "198.51.100.0/24": "documentation (RFC 5737)",
        "203.0.113.0/24": "documentation (RFC 5737)",
        "224.0.0.0/4": "multicast (RFC 5771)",
        "240.0.0.0/4": "reserved or broadcast (RFC 1112)",
        "::/96": "loopback, unspecified or IPv4-compatible (RFC 4291)",
        "64:ff9b::/96": "NAT64 (RFC 6052)",
        "64:ff9b:1::/48": "local NAT64 (RFC 8215)",
        "100::/64": "discard (RFC 6666)",
        "2001::/32": "Teredo (RFC 4380)",
        "2001::/23": "protocol assignments (RFC 2928)",
        "2001:db8::/32": "documentation (RFC 3849)",
        "2002::/16": "6to4 (RFC 3056)",
        "3fff::/20": "documentation (RFC 9637)",
        "5f00::/16": "segment routing (RFC 9602)",
        "fc00::/7": "private (RFC 4193)",
        "fe80::/10": "link-local (RFC 4291)",
        "fec0::/10": "site-local (RFC 3879)",
        "ff00::/8": "multicast (RFC 4291)",
    }
)
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))
_ISATAP: Final = (0x00005EFE, 0x02005EFE)
_LOW_32 = 0xFFFFFFFF


def refuse_address(
    address: Address | str, allow_networks: Sequence[Network] = (), *, only_allowed: bool = False
) -> str | None:
    """Say why a webhook must not connect to an address, or None when it may.

    An IPv4 address inside an IPv6 one (mapped, NAT64, 6to4, Teredo, ISATAP) is judged as well. Metadata addresses are
    refused whatever is allowed.

    >>> refuse_address("::ffff:10.1.2.3")
    '10.1.2.3 is private (RFC 1918)'
    >>> refuse_address("10.1.2.3", [IPv4Network("10.0.0.0/8")])
    >>> refuse_address("93.184.216.34", only_allowed=True)
    '93.184.216.34 is in none of the allowed networks'

    Args:
        address: of the connection to be made; text is an address as the system writes it, a zone id is ignored.
        allow_networks: reachable besides public addresses, the setting `webhooks_allow_networks`.
        only_allowed: public addresses are refused too, as for plain http.
    """
    try:
        asked = ip_address(address.partition("%")[0]) if isinstance(address, str) else address
    except ValueError:
        return f"{address} is no IP address"
    if isinstance(asked, IPv6Address):
        # Without the zone; and a mapped address *is* its IPv4 address: the kernel opens an IPv4 connection to it.
        asked = asked.ipv4_mapped or IPv6Address(int(asked))
    inner = _inside(asked)
    reason = _reason_in(asked, _METADATA)
    if reason:
        return f"{asked} is {reason}"
    if _is_in(asked, allow_networks):
        refusals = (refuse_address(one, allow_networks) for one in inner)
        return next((refusal for refusal in refusals if refusal), None)
    if only_allowed:
        return f"{asked} is in none of the allowed networks"
    reason = _reason_in(asked, _DENIED)
    if reason is None and isinstance(asked, IPv6Address):
        if asked not in _GLOBAL_UNICAST:
            reason = "not global unicast (RFC 4291)"
        elif inner:
            reason = "ISATAP (RFC 5214)"
    return f"{asked} is {reason}" if reason else None


def _inside(address: Address) -> tuple[IPv4Address, ...]:
    """List the IPv4 addresses that a router on the way may unwrap from an IPv6 one."""
    if isinstance(address, IPv4Address):
        return ()
    found: list[IPv4Address] = []
    if any(address in network for network in _NAT64) and int(address) > 1:  # :: and ::1 hold no IPv4 address
        found.append(IPv4Address(int(address) & _LOW_32))
    if address.sixtofour:
        found.append(address.sixtofour)
    if address.teredo:
        found.extend(address.teredo)
    if int(address) >> 32 & _LOW_32 in _ISATAP:
        found.append(IPv4Address(int(address) & _LOW_32))
    return tuple(found)


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _reason_in(address: Address, table: tuple[tuple[Network, str], ...]) -> str | None:
    return next((reason for network, reason in table if address in network), None)


_METADATA_NAMES: Final = frozenset(
    {"metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"}
)
_LOOPBACK_NAMES: Final = ("localhost", "localdomain", "ip6-localhost", "ip6-loopback")
_PRIVATE_SUFFIXES: Final = ("local", "internal", "intranet", "lan", "home", "corp", "private", "svc", "home.arpa")
_LOOPBACK: Final = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

# RFC 3986 without fragment; the authority without userinfo. Whatever two parsers could read differently is not in it.
_PRINTABLE = re.compile(r"[!-~]*")
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?P<userinfo>[^/?#@]*@)?(?P<host>\[[^\]/?#@]*\]|[^/?#@:\[\]]*)(?P<port>:[^/?#@]*)?"
    r"(?P<rest>[/?#].*)?"
)
_REST = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?\[\]|-]|%[0-9A-Fa-f]{2})*")
_PORT = re.compile(r":[1-9][0-9]{0,4}")
_IPV4 = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}")
_NUMBER_LABEL = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_HOST_LENGTH = 253


def check_url(url: str, allow_networks: Sequence[Network] = ()) -> list[Reason]:
    """List all that is wrong with a webhook's URL as text; empty when it may be saved. Nothing is resolved.

    A name that is not private by its text may be saved, and is refused at the call if it resolves to a private address.

    >>> [reason.code for reason in check_url("http://user@2130706433:80/#top")]
    ['scheme', 'userinfo', 'fragment', 'port', 'host']

    Args:
        allow_networks: the setting `webhooks_allow_networks`; with any, plain http and private names may be saved.
    """
    if len(url) > URL_LENGTH:
        return [Reason("length", f"a URL has at most {URL_LENGTH} characters")]
    if not _PRINTABLE.fullmatch(url):
        return [Reason("characters", "a URL is ASCII without spaces and control characters; write the host as xn--…")]
    parts = _URL.fullmatch(url)
    if parts is None:
        return [Reason("format", "wanted is an absolute URL, https://host/path")]
    reasons: list[Reason] = []
    scheme, host, rest = parts["scheme"].lower(), parts["host"].lower(), parts["rest"] or ""
    if scheme != "https" and not (scheme == "http" and allow_networks):
        reasons.append(Reason("scheme", "only https is called, and http in allowed networks"))
    if parts["userinfo"]:
        reasons.append(Reason("userinfo", "a URL carries no user name or password; use the endpoint's `auth`"))
    path, hash_mark, _ = rest.partition("#")
    if hash_mark:
        reasons.append(Reason("fragment", "a URL has no fragment, it is never sent"))
    if not _REST.fullmatch(path):
        reasons.append(Reason("characters", "the path or query holds characters that have to be percent-encoded"))
    if refused := _refuse_port(scheme, parts["port"]):
        reasons.append(Reason("port", refused))
    if refused := _refuse_host(host, allow_networks, only_allowed=scheme == "http" and bool(allow_networks)):
        reasons.append(Reason("host", refused))
    return reasons


def _refuse_port(scheme: str, port: str | None) -> str | None:
    if port is None:
        return None if scheme == "https" else "http names its port, 1024 or above; port 80 is not called"
    if not _PORT.fullmatch(port) or int(port[1:]) > HIGHEST_PORT:
        return f"a port is {HTTPS_PORT} or {LOWEST_OPEN_PORT} to {HIGHEST_PORT}, in plain digits"
    number = int(port[1:])
    return None if number == HTTPS_PORT or number >= LOWEST_OPEN_PORT else f"port {number} is not called"


def _refuse_host(host: str, allow_networks: Sequence[Network], *, only_allowed: bool) -> str | None:
    if host.startswith("["):
        is_address = "%" not in host and _is_ipv6(host[1:-1])  # a zone id means nothing to another machine
        refused = refuse_address(host[1:-1], allow_networks, only_allowed=only_allowed)
        return refused if is_address else "between brackets stands an IPv6 address"
    labels = host.split(".")
    if len(host) > _HOST_LENGTH or not all(_LABEL.fullmatch(label) for label in labels):
        return "the host is no domain name"
    # A last label that is a number makes the whole host an IPv4 address to some resolvers (WHATWG URL standard, host
    # parsing, "ends in a number"): 2130706433, 0x7f.1, 0177.0.0.1 and 127.1 are all this machine.
    if not _NUMBER_LABEL.fullmatch(labels[-1]):
        return _refuse_name(host, labels, allow_networks)
    if not _IPV4.fullmatch(host):
        return "an IPv4 address is written as four decimal numbers"
    return refuse_address(host, allow_networks, only_allowed=only_allowed)


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _refuse_name(host: str, labels: Sequence[str], allow_networks: Sequence[Network]) -> str | None:
    if host in _METADATA_NAMES:
        return f"{host} is a metadata service"
    if labels[-1] in _LOOPBACK_NAMES:
        reachable = any(own.overlaps(one) for own in _LOOPBACK for one in allow_networks if one.version == own.version)
        return None if reachable else f"{host} is this machine"
    is_private = len(labels) == 1 or any(host.endswith("." + suffix) for suffix in _PRIVATE_SUFFIXES)
    return f"{host} is a private name" if is_private and not allow_networks else None
