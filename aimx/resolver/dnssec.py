"""Does the resolver of this machine reject a name because its DNSSEC signatures are wrong? Then so do others."""

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import trio

from aimx import limits
from aimx.resolver.servers import Servers


async def rejected(servers: Servers, name: str) -> bool:
    """It fails, and does not when told not to check (RFC 4035 section 3.2.2). False when that is not known."""
    try:
        with trio.fail_after(limits.DNS_QUERY_S):
            checked = await _code(servers, name, 0)
            return checked == dns.rcode.SERVFAIL and await _code(servers, name, dns.flags.CD) in _ANSWERED
    except (dns.exception.DNSException, OSError, EOFError, ValueError, UnicodeError, trio.TooSlowError):
        return False


_ANSWERED = (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)


async def _code(servers: Servers, name: str, flag: int) -> int:
    resolver, _ = servers.current(trio.current_time())
    query = dns.message.make_query(dns.name.from_text(name, dns.name.root), "A")
    query.flags |= flag
    response, _ = await dns.asyncquery.udp_with_fallback(
        query, str(resolver.nameservers[0]), timeout=limits.DNS_TRY_S, port=resolver.port,
        ignore_unexpected=True, ignore_errors=True,
    )  # fmt: skip
    return response.rcode()
