"""Which hosts take a domain's mail, and which addresses may be connected to."""

import pytest

from aimx.model.dns import Answer, Question
from aimx.policy.exchange import Hosts, Implicit, NoHosts, connectable, hosts

QUESTION = Question("x.test", "MX")
RECORDS = {
    "one": (("10 mx.x.test",), (("mx.x.test",),)),
    "by preference": (("20 b.test", "10 a.test"), (("a.test",), ("b.test",))),
    "equal": (("10 b.test", "10 a.test", "5 c.test"), (("c.test",), ("a.test", "b.test"))),
    "numbers, not digits": (("100 b.test", "20 a.test"), (("a.test",), ("b.test",))),
    "twice": (("10 A.test", "10 a.test", "20 a.test"), (("a.test",),)),
    "null among others": (("0 .", "10 a.test"), (("a.test",),)),
    "no preference": (("10 a.test", "x b.test", f"{'9' * 5000} c.test"), (("a.test",), ("b.test", "c.test"))),
    "more than ten": (tuple(f"{n} h{n:03}.test" for n in range(1000)), tuple((f"h{n:03}.test",) for n in range(10))),
}


@pytest.mark.parametrize(("records", "groups"), RECORDS.values(), ids=RECORDS)
def test_hosts_are_ordered_by_preference(records, groups):
    assert hosts(Answer(QUESTION, "ok", records)) == Hosts(groups)


@pytest.mark.parametrize(
    ("status", "records", "permanent"),
    [
        ("nxdomain", (), True),
        ("temperror", (), False),
        ("ok", ("0 .",), True),
        ("ok", ("0 ",), True),
        ("ok", ("10 a\\010b.test", "10 a b", "10 -", "x"), True),
    ],
    ids=["NXDOMAIN", "failure", "null MX", "null MX without its dot", "no host's names"],
)
def test_nobody_takes_the_mail(status, records, permanent):
    found = hosts(Answer(QUESTION, status, records))
    assert isinstance(found, NoHosts)
    assert found.permanent is permanent


def test_without_mx_records_the_domain_is_its_own_host():
    assert hosts(Answer(QUESTION, "nodata")) == Implicit()


OUTSIDE = ["8.8.8.8", "192.0.3.1", "172.32.0.1", "100.128.0.1", "2600::1", "2002:808:808::1", "64:ff9b::808:808"]
PRIVATE = ["10.1.2.3", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.168.1.1",
           "100.64.0.1", "198.18.0.1", "0.0.0.1", "::1", "fe80::1", "fc00::1", "fd12::1", "fec0::1",
           "64:ff9b::7f00:1", "2002:7f00:1::1", "2002:a01:203::1", "64:ff9b:1::1", "2001::1"]  # fmt: skip
NEVER = ["0.0.0.0", "255.255.255.255", "224.0.0.1", "239.1.1.1", "::", "ff02::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8",
         "localhost", "", "1.2.3", "fe80::1%lo\n"]  # fmt: skip


@pytest.mark.parametrize("address", OUTSIDE)
def test_addresses_of_the_internet(address):
    assert connectable(address, allow_private=False)


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_inside_are_for_those_who_ask(address):
    assert not connectable(address, allow_private=False)
    assert connectable(address, allow_private=True)


@pytest.mark.parametrize("address", NEVER)
def test_what_is_no_hosts_address_is_refused_always(address):
    assert not connectable(address, allow_private=False)
    assert not connectable(address, allow_private=True)
