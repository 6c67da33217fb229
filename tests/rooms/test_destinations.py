"""Where a webhook may go: the URL's text, the addresses, and the headers an endpoint may add."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.security.destinations import URL_LENGTH, Network, Reason, check_url, refuse_address

LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"),)
EVERYTHING: tuple[Network, ...] = (ip_network("0.0.0.0/0"), ip_network("::/0"))

PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
    "223.255.255.255", "2606:4700:4700::1111", "2a00:1450:4001:80e::200e", "2001:4860:4860::8888", "2001:200::1",
    "::ffff:8.8.8.8",
]  # fmt: skip

FORBIDDEN = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254",
    "169.254.0.1", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.9", "192.0.2.1", "192.88.99.1", "192.168.1.1",
    "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.250", "240.0.0.1",
    "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "64:ff9b:1:ffff::1", "100::1", "2001::1", "2001:2::1",
    "2001:10::1", "2001:20::1", "2001:1ff::1", "2001:db8::1", "2002:7f00:1::1", "2002:808:808::1", "3fff::1",
    "3fff:fff::1", "5f00::1", "4000::1", "8000::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1",
    "feff::1", "ff02::1", "ff0e::1", "2606:4700::5efe:10.0.0.1", "2606:4700::200:5efe:8.8.8.8",
]  # fmt: skip

METADATA = [
    "169.254.169.254", "169.254.170.2", "169.254.169.123", "100.100.100.200", "168.63.129.16", "192.0.0.192",
    "fd00:ec2::254", "fd20:ce::254", "fe80::a9fe:a9fe", "fe80::a9fe:a9fe%2", "::ffff:169.254.169.254",
    "::169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "2001:0:a9fe:a9fe::1", "2001::5601:5601",
    "::ffff:100.100.100.200", "2606:4700::5efe:169.254.169.254",
]  # fmt: skip


# Addresses


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_reached_over_https(address: str) -> None:
    assert refuse_address(address) is None
    assert refuse_address(ip_address(address)) is None
    assert "none of the allowed" in (refuse_address(address, LOOPBACK, only_allowed=True) or "")


@pytest.mark.parametrize("address", FORBIDDEN)
def test_a_forbidden_address_is_refused(address: str) -> None:
    assert refuse_address(address) is not None
    assert refuse_address(ip_address(address)) is not None


@pytest.mark.parametrize("address", METADATA)
def test_a_metadata_address_is_refused_whatever_is_allowed(address: str) -> None:
    own = ip_network(ip_address(address.partition("%")[0]))
    assert refuse_address(address) is not None
    assert refuse_address(address, EVERYTHING) is not None
    assert refuse_address(address, [own], only_allowed=True) is not None


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::ffff:127.0.0.1"])
def test_an_allowed_network_may_be_reached(address: str) -> None:
    assert refuse_address(address, LOOPBACK) is None
    assert refuse_address(address, LOOPBACK, only_allowed=True) is None


@pytest.mark.parametrize(
    ("network", "address"),
    [("::1/128", "::1"), ("fd12::/16", "fd12::9"), ("fe80::/10", "fe80::1%eth0"), ("64:ff9b::/96", "64:ff9b::808:808")],
)
def test_an_allowed_ipv6_network_may_be_reached(network: str, address: str) -> None:
    assert refuse_address(address, [ip_network(network)]) is None


@pytest.mark.parametrize("address", ["10.0.0.1", "::1", "64:ff9b::7f00:1", "2002:7f00:1::1", "::127.0.0.1"])
def test_allowing_one_network_opens_no_other(address: str) -> None:
    assert refuse_address(address, LOOPBACK) is not None


def test_an_allowed_translation_does_not_lead_into_a_private_network() -> None:
    nat64 = [ip_network("64:ff9b::/96")]
    assert refuse_address("64:ff9b::a00:1", nat64) == "10.0.0.1 is private (RFC 1918)"
    assert refuse_address("64:ff9b::a00:1", [*nat64, ip_network("10.0.0.0/8")]) is None


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f.1", "1.1.1.1 ", "1.1.1.1/8", "[::1]"])
def test_what_is_no_address_is_refused(text: str) -> None:
    assert refuse_address(text) is not None


@given(st.ip_addresses(v=4))
def test_a_private_address_by_the_librarys_measure_is_refused_by_ours(address: IPv4Address) -> None:
    if address.is_private or address.is_multicast or address.is_reserved:
        assert refuse_address(address) is not None
        assert refuse_address(IPv6Address(0xFFFF << 32 | int(address))) is not None


@given(st.ip_addresses(v=6))
def test_outside_global_unicast_no_ipv6_address_is_reached(address: IPv6Address) -> None:
    if address.ipv4_mapped is None and int(address) >> 125 != 1:
        assert refuse_address(address) is not None


# URLs


def codes(url: str, allow: tuple[Network, ...] = ()) -> list[str]:
    return [reason.code for reason in check_url(url, allow)]


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com", "https://hooks.example.com/", "https://hooks.example.com/a/b?c=d&e=%20#"[:-1],
        "HTTPS://Hooks.Example.COM/x", "https://hooks.example.com:443/", "https://hooks.example.com:1024/",
        "https://hooks.example.com:65535", "https://xn--bcher-kva.example/x", "https://8.8.8.8/x",
        "https://a_b.example/",
        "https://[2606:4700:4700::1111]:8443/x", "https://1password.example", "https://example.test?x=1",
        "https://a.co/p@th:x;y=1!$'()*+,~", "https://127.0.0.1.nip.example/",
        "https://hooks.example.com/" + "a" * (URL_LENGTH - 26),
    ],
)  # fmt: skip
def test_a_public_https_url_may_be_saved(url: str) -> None:
    assert check_url(url) == []


@pytest.mark.parametrize(
    "url",
    [
        "", "/", "hooks.example.com", "//hooks.example.com", "/hook", "https:/hooks.example.com",
        "https:hooks.example.com",
        "https://a@b@hooks.example.com/", "https://[::1/", "https://x@y@z/",
        "://x.example", "1https://x.example", "https://[2606:4700::1]x/",
    ],
)  # fmt: skip
def test_what_is_no_absolute_url_is_refused(url: str) -> None:
    assert codes(url) == ["format"]


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/\n", "https://hooks.example.com/\r\nX: y", " https://hooks.example.com/",
        "https://hooks.example.com/a b", "https://hooks.example.com/\0", "https://hooks.example.com/\x7f",
        "https://h\tooks.example.com/", "https://bücher.example/", "https://①②⑦.⓪.⓪.①/", "https://hooks.example.com/é",
        "https://hooks。example.com/", "https://hooks.example.com/\ud800", "https://ｅxample.com/",
        "https://hooks.example.com/\\evil", "https://hooks.example.com/<x>", "https://hooks.example.com/%zz",
        "https://hooks.example.com/%", 'https://hooks.example.com/"', "https://hooks.example.com/{x}",
    ],
)  # fmt: skip
def test_a_character_that_parsers_read_differently_is_refused(url: str) -> None:
    assert codes(url) == ["characters"]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x.example/",
        "file:///etc/passwd",
        "gopher://x.example:70/",
        "javascript://x.example/%0a",
        "wss://x.example/",
    ],
)
def test_another_scheme_is_refused_also_with_allowed_networks(url: str) -> None:
    assert "scheme" in codes(url)
    assert "scheme" in codes(url, LOOPBACK)


def test_http_is_refused_where_no_network_is_allowed() -> None:
    assert codes("http://hooks.example.com:8080/") == ["scheme"]


def test_http_may_go_to_a_name_or_an_address_of_an_allowed_network() -> None:
    assert codes("http://127.0.0.1:9000/hook", LOOPBACK) == []
    assert codes("http://receiver:9000/hook", LOOPBACK) == []
    assert codes("http://localhost:9000/hook", LOOPBACK) == []
    assert codes("http://8.8.8.8:9000/hook", LOOPBACK) == ["host"]
    assert codes("http://10.0.0.1:9000/hook", LOOPBACK) == ["host"]


@pytest.mark.parametrize(
    "url", ["https://user@x.example/", "https://user:pass@x.example/", "https://@x.example/", "https://:@x.example"]
)
def test_userinfo_is_refused(url: str) -> None:
    assert codes(url) == ["userinfo"]


def test_userinfo_does_not_hide_the_host() -> None:
    assert codes("https://hooks.example.com@127.0.0.1/") == ["userinfo", "host"]
    assert "host" in codes("https://hooks.example.com\\@127.0.0.1/")


@pytest.mark.parametrize(
    "url", ["https://x.example/#", "https://x.example/#top", "https://x.example#@127.0.0.1/", "https://x.example?#"]
)
def test_a_fragment_is_refused(url: str) -> None:
    assert codes(url) == ["fragment"]


@pytest.mark.parametrize(
    "port",
    [
        ":",
        ":0",
        ":22",
        ":25",
        ":80",
        ":442",
        ":444",
        ":1023",
        ":65536",
        ":99999",
        ":100000",
        ":0443",
        ":+443",
        ":4_43",
        ":https",
        ":-1",
        ":443:443",
    ],
)
def test_a_port_is_443_or_1024_and_above(port: str) -> None:
    assert codes(f"https://x.example{port}/") == ["port"]


def test_http_without_a_port_would_be_port_80() -> None:
    assert codes("http://127.0.0.1/hook", LOOPBACK) == ["port"]


def test_a_url_has_at_most_2048_characters() -> None:
    assert codes("https://x.example/" + "a" * URL_LENGTH) == ["length"]
    assert codes("https://x.example/" + "a" * 10_000_000) == ["length"]


SHORTHANDS = [
    "2130706433", "017700000001", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "127.0.1", "0", "0x0", "00.0.0.0",
    "127.0.0.01", "127.0.0.0x1", "0x7F.0.0.1", "3232235777", "010.8.8.8", "8.8.2056", "0x", "1.2.3.4.5",
    "999.1", "a.b.1", "example.0x10", "127.000.000.001",
]  # fmt: skip


@pytest.mark.parametrize("host", SHORTHANDS)
def test_an_ipv4_address_in_another_spelling_is_refused_even_into_allowed_networks(host: str) -> None:
    spelled = [Reason("host", "an IPv4 address is written as four decimal numbers")]
    assert check_url(f"https://{host}/") == check_url(f"https://{host}/", EVERYTHING) == spelled


@given(st.integers(0, 2**32 - 1), st.sampled_from(["{}", "0{:o}", "{:#x}"]))
def test_whatever_the_system_reads_as_a_private_address_is_refused(number: int, spelling: str) -> None:
    host = spelling.format(number)
    address = socket.inet_ntoa(socket.inet_aton(host))
    assert codes(f"https://{host}/") == ["host"]
    assert (codes(f"https://{address}/") == []) is (refuse_address(address) is None)


@pytest.mark.parametrize("address", [one for one in FORBIDDEN + METADATA if "%" not in one])
def test_a_forbidden_literal_is_refused(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    assert codes(f"https://{host}/x") == ["host"]
    if ":" in address:
        expanded = IPv6Address(address).exploded.upper()
        assert codes(f"https://[{expanded}]/x") == ["host"]


@pytest.mark.parametrize(
    "host",
    ["[fe80::1%25eth0]", "[2606:4700::1%25]", "[2606:4700::1%eth0]", "[]", "[8.8.8.8]", "256.1.1.1", "[v1.a]", "[x]"],
)
def test_what_is_no_plain_ipv6_literal_is_refused(host: str) -> None:
    assert "host" in codes(f"https://{host}/", EVERYTHING)


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LOCALHOST", "a.localhost", "localhost.localdomain", "ip6-localhost", "printer.local",
        "db.internal",
        "a.b.internal", "host.docker.internal", "nas.lan", "router.home", "x.home.arpa", "dc.corp", "app.intranet",
        "kubernetes.default.svc", "x.svc.cluster.local", "postgres", "rabbitmq",
    ],
)  # fmt: skip
def test_a_private_name_is_refused_unless_networks_are_allowed(host: str) -> None:
    assert codes(f"https://{host}:8443/") == ["host"]
    assert codes(f"https://{host}:8443/", LOOPBACK) == []


@pytest.mark.parametrize(
    "host", ["metadata.google.internal", "METADATA.google.internal", "metadata.goog", "metadata", "instance-data"]
)
def test_a_metadata_name_is_refused_whatever_is_allowed(host: str) -> None:
    assert codes(f"https://{host}/", EVERYTHING) == ["host"]


def test_localhost_needs_the_loopback_to_be_allowed() -> None:
    assert codes("https://localhost:9000/", (ip_network("10.0.0.0/8"),)) == ["host"]
    assert codes("https://localhost:9000/", (ip_network("::1/128"),)) == []


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "a..example",
        ".example.com",
        "example.com.",
        "-a.example",
        "a-.example",
        "a" * 64 + ".example",
        "a.example" * 40,
        "%31.example",
        "a,b.example",
        "*.example.com",
        "ex$ample.com",
    ],
)
def test_what_is_no_domain_name_is_refused(host: str) -> None:
    assert codes(f"https://{host}/") == ["host"]


def test_all_that_is_wrong_is_said_at_once() -> None:
    assert codes("http://user@2130706433:80/<#top") == ["scheme", "userinfo", "fragment", "characters", "port", "host"]


@given(st.text(max_size=100))
def test_any_text_may_be_asked(text: str) -> None:
    check_url(text)
    check_url("https://" + text, EVERYTHING)
    check_url("https://x.example/" + text)
