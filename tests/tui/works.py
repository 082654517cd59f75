"""A host on paper for the wizard: what each method of Works answers is set by the test, and nothing is changed."""

from dataclasses import dataclass, field

import trio

from aimx.provision import records
from aimx.provision.records import Verdict
from aimx.provision.setup import api

KEY = "v=DKIM1; k=rsa; p=" + "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA" * 8 + "IDAQAB"
NEW = api.Found(domain=None, trust=None, certificate=False, installed=False, catchall=None)
KNOWN = api.Found("agent.example.com", "verified", certificate=True, installed=True, catchall=True)
REACHED = api.Preflight(None, api.Reach(True), api.Reach(True), "203.0.113.7", None)


def zone(domain="agent.example.com"):
    """The records of a domain."""
    wanted = records.wanted(records.Zone(domain, "aimx", KEY, "203.0.113.7", None, frozenset(), False))
    listed = tuple(dict.fromkeys(wanted.values()))
    lines = "".join(f'{one.name}. 300 IN {one.rtype} "{one.value}"\n' for one in listed)
    return api.Zone(domain, listed, lines)


def seen(**states):
    """A look at the DNS: `A="ok"`, or `MX=("wrong", "why")`; verified when nothing is wrong."""
    verdicts = []
    for check, state in states.items():
        word, why = (state, "") if isinstance(state, str) else state
        verdicts.append(Verdict(check, word, why))
    wrong = any(one.state in ("wrong", "unknown") and one.check != "PTR" for one in verdicts)
    return api.Seen(tuple(verdicts), not wrong, "ns1.example.com, ns2.example.com")


WRONG = seen(
    A="ok",
    MX=("wrong", "MX record points to 5 mail.example.net., expected 10 agent.example.com."),
    SPF=("wrong", "No SPF record found"),
    DKIM=("wrong", "No DKIM record found at aimx._domainkey.agent.example.com"),
    DMARC=("warn", "p=none asks receivers to let forged mail of your domain through"),
    PTR=("warn", "203.0.113.7 has no name: some receivers take that for spam; the provider of the server sets it"),
)
RIGHT = seen(A="ok", MX="ok", SPF="ok", DKIM="ok", DMARC="ok")


@dataclass
class Paper:
    """Works."""

    found: api.Found = NEW
    reach: api.Preflight | list = field(default_factory=lambda: REACHED)
    looks: list = field(default_factory=lambda: [RIGHT])
    changes: tuple = (api.Change("config", "Write the configuration", "/etc/aimx/config.toml"),)
    installing: tuple = (api.Note("ok", "Wrote /etc/aimx/config.toml"), api.Note("ok", "aimx serve is running"))
    failure: Exception | None = None
    hang: str = ""
    made: list = field(default_factory=list)
    answers: api.Answers | None = None

    def stands(self):
        return "The DKIM pair was made." if self.made else "Nothing was changed."

    async def survey(self):
        await self._perhaps("survey")
        return self.found

    async def preflight(self, tell):
        tell(api.Note("ok", "Outbound port 25 works"))
        await self._perhaps("preflight")
        reach = self.reach.pop(0) if isinstance(self.reach, list) else self.reach
        if not reach.inbound.ok:
            tell(api.Note("fail", f"Inbound port 25: {reach.inbound.why}"))
        else:
            tell(api.Note("ok", "Inbound port 25 works"))
        return reach

    def pair(self, domain):
        self.made.append(domain)
        return True

    def watch(self, domain, ipv4, ipv6):
        async def look():
            await self._perhaps("look")
            found = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
            if isinstance(found, Exception):
                raise found
            return found

        return api.Watch(zone(domain), look)

    def plan(self, answers):
        return self.changes

    async def install(self, answers, tell):
        self.answers = answers
        for note in self.installing:
            tell(note)
        await self._perhaps("install")
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure

    async def _perhaps(self, where):
        if self.hang == where:
            await trio.sleep_forever()
