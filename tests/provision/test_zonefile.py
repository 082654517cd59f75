"""Zone files that another implementation reads back to the same records."""

import dns.zone
from hypothesis import given
from hypothesis import strategies as st

from aimx.provision import zonefile
from aimx.provision.records import Record, Zone, wanted

KEY = "v=DKIM1; k=rsa; p=" + "A" * 392


def read(text):
    """Type, name and value of each record, by dnspython."""
    zone = dns.zone.from_text(f"$TTL 60\n{text}", origin="example.com.", relativize=False, check_origin=False)
    return {
        (name.to_text(omit_final_dot=True), dns.rdatatype.to_text(rdata.rdtype), _value(rdata))
        for name, _, rdata in zone.iterate_rdatas()
    }


def _value(rdata):
    if rdata.rdtype == dns.rdatatype.TXT:
        assert all(len(piece) <= 255 for piece in rdata.strings)
        return b"".join(rdata.strings).decode()
    return rdata.to_text()


def test_all_records_are_read_back():
    zone = Zone("agent.example.com", "aimx", KEY, "198.51.100.7", "2001:db8::7", frozenset(), True)
    records = tuple(dict.fromkeys(wanted(zone).values()))
    assert read(zonefile.text(records)) == {(one.name, one.rtype, one.value) for one in records}


def test_a_domain_of_another_script_is_written_in_a_labels():
    zone = Zone("agent.bücher.example.com", "aimx", KEY, "198.51.100.7", None, frozenset(), False)
    text = zonefile.text(tuple(wanted(zone).values()))
    assert text.isascii()
    assert "agent.xn--bcher-kva.example.com. IN MX 10 agent.xn--bcher-kva.example.com." in text


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=600))
def test_any_value_survives(value):
    line = zonefile.line(Record("TXT", "a.example.com", value))
    if not line.startswith(";"):
        assert read(line) == {("a.example.com", "TXT", value)}
