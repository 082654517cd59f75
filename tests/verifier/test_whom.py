"""Whom the verifier connects to, and whom it takes for the caller: all that a stranger might want to be tried."""

import ipaddress
import resource
import socket

import pytest
import trio
from hypothesis import example, given
from hypothesis import strategies as st

from aimx.policy import internet
from aimx.verifier import caller, probing
from aimx.verifier.caller import Unknown
from aimx.verifier.gate import Full
from aimx.verifier.settings import Settings

# First, last, and one between of every range that nobody of the internet has.
REFUSED = """
0.0.0.0 0.1.2.3 0.255.255.255 10.0.0.0 10.20.30.40 10.255.255.255 100.64.0.0 100.100.100.200 100.127.255.255
127.0.0.0 127.0.0.1 127.255.255.255 169.254.0.0 169.254.169.254 169.254.255.255 172.16.0.0 172.20.1.1
172.31.255.255 192.0.0.0 192.0.0.170 192.0.0.255 192.0.2.0 192.0.2.255 192.88.99.0 192.88.99.1 192.168.0.0
192.168.1.1 192.168.255.255 198.18.0.0 198.19.255.255 198.51.100.0 198.51.100.255 203.0.113.0 203.0.113.255
224.0.0.0 224.0.0.1 239.255.255.255 240.0.0.0 254.1.2.3 255.255.255.254 255.255.255.255 :: ::1 ::2 ::127.0.0.1
::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1
64:ff9b::10.0.0.1 64:ff9b::8.8.8.8 64:ff9b:1::1 64:ff9b:1:ffff:ffff:ffff:ffff:ffff 100::1 100:0:0:1:: 2001::1
2001:0:7f00:1:0:0:80ff:fffe 2001:1::1 2001:2::1 2001:10::1 2001:20::1 2001:1ff:ffff::1 2001:db8:: 2001:db8::1
2001:db8:ffff:ffff:ffff:ffff:ffff:ffff 2002:7f00:1::1 2002:a00:1::1 2002:808:808::1 2620:4f:8000::1 3fff::1
3fff:fff:ffff::1 4000::1 5f00::1 8000::1 e000::1 fbff::1 fc00::1 fd00::1 fdff:ffff::1 fe80::1 febf::1 fec0::1
feff::1 ff00::1 ff02::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
"""
TAKEN = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255
169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0
203.0.112.255 203.0.114.0 223.255.255.255 ::ffff:8.8.8.8 2001:200::1 2001:4860:4860::8888 2001:db7::1
2001:db9::1 2003::1 2606:4700::1111 2a00:1450::1 3ffe:ffff::1
"""


@pytest.mark.parametrize("text", REFUSED.split())
def test_what_is_no_host_of_the_internet_is_never_connected_to(text):
    address = internet.parse(text)
    assert internet.blocked(address)
    assert probing.refusal(address, Settings())
    assert internet.public(text) is None
    with pytest.raises(Unknown):
        caller.caller("127.0.0.1", [(b"x-aimx-client-ip", text.encode())])


@pytest.mark.parametrize("text", TAKEN.split())
def test_neighbours_of_those_ranges_are_hosts_like_any_other(text):
    address = internet.parse(text)
    assert internet.blocked(address) is None
    assert caller.caller("127.0.0.1", [(b"x-aimx-client-ip", text.encode())]) == address


@given(st.ip_addresses())
@example(ipaddress.ip_address("::ffff:100:0"))
def test_nothing_that_the_standard_library_calls_private_is_connected_to(address):
    judged = internet.parse(str(address))  # older libraries call all that is dressed as IPv6 reserved
    if judged.is_private or judged.is_multicast or judged.is_reserved or judged.is_loopback or judged.is_link_local:
        assert internet.blocked(judged)


@given(st.ip_addresses(v=4))
def test_an_address_dressed_as_ipv6_is_judged_as_what_it_is(address):
    dressed = internet.parse(f"::ffff:{address}")
    assert dressed == address
    assert internet.blocked(dressed) == internet.blocked(address)


@pytest.mark.parametrize(
    "text",
    ["", " ", "localhost", "8.8.8.8.", " 8.8.8.8", "8.8.8", "010.0.0.1", "0x7f.1", "2130706433", "8.8.8.8:25",
     "8.8.8.8/32", "[2606:4700::1]", "2606:4700::1%eth0", "fe80::1%1", "8.8.8.8\r\nX: y", "８.8.8.8", "١.1.1.1"],
)  # fmt: skip
def test_what_is_written_otherwise_is_no_address(text):
    assert internet.parse(text) is None


@pytest.mark.parametrize(
    "peer", ["8.8.8.8", "2606:4700::1", "::ffff:8.8.8.8", "10.0.0.9", "fe80::1%eth0", "192.168.0.3"]
)
def test_headers_of_others_than_a_proxy_here_are_not_believed(peer):
    headers = [(b"x-aimx-client-ip", b"1.1.1.1"), (b"x-forwarded-for", b"9.9.9.9"), (b"forwarded", b"for=9.9.9.9")]
    assert caller.caller(peer, headers) == internet.parse(peer.partition("%")[0])


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"x-forwarded-for", b"9.9.9.9")],
        [(b"x-aimx-client-ip", b"")],
        [(b"x-aimx-client-ip", b"9.9.9.9, 1.1.1.1")],
        [(b"x-aimx-client-ip", b"9.9.9.9"), (b"x-aimx-client-ip", b"1.1.1.1")],
        [(b"x-aimx-client-ip", b"\xff")],
        [(b"x-real-ip", b"9.9.9.9")],
    ],
    ids=["none", "forwarded-for", "empty", "two in one", "twice", "octets", "real-ip"],
)
def test_a_proxy_here_has_to_name_its_client_once(peer, headers):
    with pytest.raises(Unknown):
        caller.caller(peer, headers)


def test_addresses_of_this_host_are_its_own_whatever_they_are(monkeypatch):
    own = internet.parse("9.9.9.9")
    assert probing.refusal(own, Settings()) is None
    assert probing.refusal(own, Settings(own_addresses=frozenset({own}))) == "an address of this host"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
    assert probing._is_own(internet.parse("127.0.0.1"))


def test_a_host_that_is_short_of_descriptors_says_so_and_calls_nobody_unreachable():
    async def short():
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            with pytest.raises(Full) as full:
                await probing.probe(internet.parse("9.9.9.9"), Settings())
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert not full.value.own

    trio.run(short)


def test_a_limit_counts_an_address_or_the_64_bits_that_one_customer_has():
    shares = [caller.share(internet.parse(text)) for text in ("9.9.9.9", "9.9.9.8", "2606:4700::1", "2606:4700::2:1")]
    assert len(set(shares)) == 3
    assert shares[2] == shares[3] != caller.share(internet.parse("2606:4700:0:1::1"))
