"""An HTTPS client's authorities: the host's where there are any, else those of the program."""

import ssl
import subprocess
import sys
from pathlib import Path

import certifi

from aimx.effects import authorities

COUNT = "from aimx.effects import authorities; print(authorities.context().cert_store_stats()['x509_ca'])"


def test_a_host_without_authorities_gets_those_of_the_program(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
    context = authorities.context(stores=("/nowhere",))
    assert context.cert_store_stats()["x509_ca"] > 50
    assert context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname


def test_a_host_that_names_its_authorities_gets_no_others(tmp_path):
    one = tmp_path / "one.pem"
    text = Path(certifi.where()).read_text()
    one.write_text(text[text.index("-----BEGIN") : text.index("-----END CERTIFICATE-----") + 26])
    done = subprocess.run(
        [sys.executable, "-c", COUNT], capture_output=True, text=True, check=True, env={"SSL_CERT_FILE": str(one)}
    )
    assert done.stdout == "1\n"
