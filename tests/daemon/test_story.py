"""The inbound story on the real daemon: SMTP in, Markdown out, hook fired."""

import tomllib

from tests.harness import DOMAIN, Daemon, config_text, mail


def test_a_mail_becomes_a_file_and_fires_a_hook(tmp_path):
    out = tmp_path / "hook.out"
    hook = f"""
[[mailboxes.ops.hooks]]
name = "note"
event = "on_receive"
cmd = ["/bin/sh", "-c", 'cat > {out}; echo "$AIMX_SUBJECT|$AIMX_ID|$PWD" >> {out}']
fire_on_untrusted = true
"""
    with Daemon(tmp_path / "tree", config_text(hook)) as daemon:
        daemon.send(mail("First words", "Hello agent.\r\n"))
        line = daemon.wait_log("hook_name=note")
        (path,) = daemon.messages()
        head, body = path.read_text().split("+++\n", 2)[1:]
        fields = tomllib.loads(head)
        assert (fields["subject"], fields["mailbox"], fields["read"]) == ("First words", "ops", False)
        assert "Hello agent." in body
        assert "exit_code=0" in line
        seen = out.read_text()
        assert seen.startswith(path.read_text())
        assert seen.endswith(f"First words|{fields['id']}|{daemon.data}/inbox/ops\n")


def test_unknown_recipients_are_refused(daemon):
    with daemon.smtp() as client:
        client.mail("a@sender.test")
        assert client.rcpt(f"nobody@{DOMAIN}")[0] == 550
        assert client.rcpt("x@elsewhere.test") == (550, b"5.7.1 relay not permitted")
