"""Downloads, with each program that can do them: what is sent to whom, what ends them, and what is refused."""

import json
import shutil
import stat

import pytest

from tests import releases

ARCHIVE = f"aimx-9.9.1-{releases.short()}.tar.gz"
TOKEN = "ghp_0123456789abcdefABCDEF"
CLIENTS = ("curl", "wget", "busybox")


@pytest.fixture(params=CLIENTS)
def client(request, box):
    """The one program that this machine can download with."""
    program = "wget" if request.param == "wget" else request.param
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    if request.param != "curl":
        box.take("curl")
        box.give("wget", request.param)
    return request.param


def test_each_of_them_installs(box, client):
    box.publish("9.9.1")
    run = box.run()
    assert run.status == 0, run.text
    assert box.works("9.9.1")
    assert box.server.agents == {"aimx-install"}
    assert box.left() == []


@pytest.mark.parametrize("fault", ["redirect", "no length"])
def test_redirects_are_followed(box, client, fault):
    box.publish("9.9.1")
    box.server.faults["/moved/*"] = ""
    box.server.faults["*"] = fault
    run = box.run()
    assert run.status == 0, run.text


FAILS = {
    "404": ("{what} is not there: {url} (HTTP 404)", "HTTP 404"),
    "403": ("{what} is refused: {url} (HTTP 403)", "set GITHUB_TOKEN"),
    "500": ("{what} could not be fetched: {url} (HTTP 500)", "HTTP 500"),
    "truncated": ("{what}", ""),
    "stalled": ("{what} could not be fetched: {url}", ""),
    "empty": ("", ""),
    "endless": ("{what}", ""),
    "loop": ("{what}", "redirect"),
}


@pytest.mark.parametrize("fault", FAILS)
@pytest.mark.parametrize("name", ["latest.json", ARCHIVE])
def test_what_does_not_come_whole_ends_it(box, client, name, fault):
    if fault == "stalled" and name != ARCHIVE:
        pytest.skip("one name shows it, and it takes its time")
    box.publish("9.9.1")
    box.server.faults[f"*/{name}"] = fault
    # Few blocks: what has no end is cut off there.
    box.script.write_text(box.script.read_text().replace("ARCHIVE_BLOCKS=1048576", "ARCHIVE_BLOCKS=200"))
    before = box.installed("9.9.0")
    run = box.run()
    assert run.status == 1, run.text
    what = "the release" if name == "latest.json" else name
    url = f"{box.server.base}/{name}" if name == "latest.json" else f"{box.server.base}/9.9.1/{name}"
    said, more = FAILS[fault]
    if not (client == "busybox" and fault == "loop"):
        assert said.format(what=what, url=url) in run.text
        assert more in run.text
    assert run.text.count("[error]") == 1
    assert box.program.read_bytes() == before
    assert (box.log, box.left()) == ("", [])


@pytest.mark.parametrize(
    "where",
    ["http://192.0.2.1/x", "http://localhost.example.test/x", "http://127.0.0.1@192.0.2.1/x", "file:///etc/passwd",
     "ftp://127.0.0.1/x", "http://127.0.0.1.example.test/x"],
)  # fmt: skip
def test_a_redirect_to_what_is_not_https_is_refused(box, client, where):
    if client == "busybox":
        # It goes there by itself, and nothing that it brings is believed. What cannot be reached is a failure as well.
        where = where.replace("192.0.2.1", "127.0.0.1:9")
    box.publish("9.9.1")
    box.server.faults[f"*/{ARCHIVE}"] = f"redirect {where}"
    run = box.run()
    assert run.status == 1
    if client == "busybox" and not where.startswith("http://127.0.0.1:9"):
        assert "refusing a redirect to a non-HTTPS URL" in run.text or "could not be fetched" in run.text
    elif client != "busybox":
        assert f"refusing a redirect to a non-HTTPS URL: {where} ({ARCHIVE})" in run.text
    assert list(box.bin.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    ["http://example.test/latest.json", "ftp://example.test/latest.json", "/latest.json", "http://[::2]/latest.json",
     "http://127.0.0.1:80@example.test/", "https://example.test/a b", 'https://example.test/"', "http://1.127.0.0.1/"],
)  # fmt: skip
def test_a_manifest_is_fetched_by_https_only(box, url):
    box.env["AIMX_RELEASE_MANIFEST_URL"] = url
    run = box.run()
    assert run.status == 1
    assert f"refusing non-HTTPS URL: {url} (the release)" in run.text


def test_an_artefact_is_fetched_by_https_only(box):
    box.publish("9.9.1")
    box.server.tell("9.9.1", assets=[{"name": n, "browser_download_url": f"http://example.test/{n}"} for n in (
        "SHA256SUMS", "SHA256SUMS.sig", ARCHIVE)])  # fmt: skip
    run = box.run()
    assert run.status == 1
    assert "refusing non-HTTPS URL: http://example.test/SHA256SUMS (SHA256SUMS)" in run.text


def _spy(box, *programs):
    """Each writes down its arguments and its environment before it does its work."""
    for program in programs:
        real = (box.tools / program).readlink()
        run = f'exec {real} "$@"' if real.name != "busybox" else f'exec {real} {program} "$@"'
        box.fake(program, f'{{ echo "$*"; cat /proc/$$/environ | tr "\\0" "\\n"; }} >>"{box.path}/seen.log"\n{run}')


def test_the_token_goes_to_the_host_of_the_manifest_and_is_seen_nowhere(box, client, place):
    with releases.Server(place / "assets") as elsewhere:
        box.publish("9.9.1")
        shutil.copytree(box.server.root / "9.9.1", elsewhere.root / "9.9.1")
        box.server.tell(
            "9.9.1", assets=releases.manifest("9.9.1", elsewhere.root / "9.9.1", f"{elsewhere.base}/9.9.1")["assets"]
        )
        _spy(box, "curl" if client == "curl" else "wget", "tar", "openssl", "sed", "cp")
        box.env["GITHUB_TOKEN"] = TOKEN
        run = box.run()
        assert run.status == 0, run.text
        assert box.server.tokens == ({} if client == "busybox" else {"/latest.json": f"Bearer {TOKEN}"})
        assert elsewhere.tokens == {}
        assert len(elsewhere.asked) == 3
    assert ("GITHUB_TOKEN is not used" in run.text) == (client == "busybox")
    assert TOKEN not in (box.path / "seen.log").read_text()
    assert TOKEN not in box.log + run.text


def test_a_redirect_elsewhere_does_not_take_the_token_along(box, place):
    with releases.Server(place / "elsewhere") as elsewhere:
        box.publish("9.9.1")
        shutil.copy(box.server.root / "latest.json", elsewhere.root / "latest.json")
        box.server.faults["/latest.json"] = f"redirect {elsewhere.base}/latest.json"
        box.env["GITHUB_TOKEN"] = TOKEN
        run = box.run()
        assert run.status == 0, run.text
        assert "/latest.json" in box.server.tokens
        assert elsewhere.tokens == {}


def test_the_file_with_the_token_is_ours_alone(box):
    box.publish("9.9.1")
    box.take("curl")
    real = shutil.which("wget")
    box.fake("wget", f'for word; do case $word in --config=*) stat -c "%a %u" "${{word#*=}}";; esac; done '
                     f'>>"{box.path}/modes"\n'
                     f'exec {real} "$@"')  # fmt: skip
    box.give("stat")
    box.env["GITHUB_TOKEN"] = TOKEN
    run = box.run(umask=0)
    assert run.status == 0, run.text
    assert set((box.path / "modes").read_text().split("\n")) == {"600 0", ""}
    assert "/latest.json" in box.server.tokens


@pytest.mark.parametrize("token", ['x"\nurl = "http://192.0.2.1', "a b", "a\nb"])
def test_a_token_that_is_none_is_refused(box, token):
    box.env["GITHUB_TOKEN"] = token
    run = box.run()
    assert run.status == 1
    assert "GITHUB_TOKEN has characters in it that no token has" in run.text


def test_nobodys_settings_of_curl_and_wget_count(box, client):
    box.publish("9.9.1")
    (box.path / ".curlrc").write_text('output = "/nowhere/x"\n')
    (box.path / ".wgetrc").write_text("output_document = /nowhere/x\n")
    run = box.run()
    assert run.status == 0, run.text


def test_a_proxy_is_not_asked_for_this_machine(box, client):
    box.publish("9.9.1")
    box.env |= {"http_proxy": "http://127.0.0.1:9", "all_proxy": "http://127.0.0.1:9"}
    run = box.run()
    assert run.status == (1 if client == "busybox" else 0), run.text


def test_neither_of_them_is_one_clear_line(box):
    box.take("curl")
    run = box.run()
    assert run.status == 1
    assert "[error] curl or wget is needed to download, and neither is there\n" in run.text


def test_the_download_is_shown_on_a_terminal(box, client):
    box.publish("9.9.1", shell=f"# {'x' * 200_000}")
    run = box.type("")
    assert run.status == 0, run.text
    shown = run.text.partition("Downloading")[2].partition("Signature")[0]
    assert ("100" in shown) == (client != "busybox")  # whose output is read for redirects


MANIFESTS = {
    "no JSON": ("no json at all", "it has no tag that is a version"),
    "empty": ("", "it has no tag that is a version"),
    "a list": ("[]", "it has no tag that is a version"),
    "no tag": ('{"assets": []}', "it has no tag that is a version"),
    "a tag that is none": ('{"tag_name": "../../etc"}', "it has no tag that is a version"),
    "a tag with an escape": ('{"tag_name": "9.9.1\\u001b[2J"}', "it has no tag that is a version"),
    "two lines in a tag": ('{"tag_name": "9.9.1\\n9.9.2"}', "it has no tag that is a version"),
    "a tag inside": ('{"author": {"tag_name": "9.9.1"}}', "it has no tag that is a version"),
    "no assets": ('{"tag_name": "9.9.1"}', "has no build for"),
    "assets inside": ('{"tag_name": "9.9.1", "x": {"assets": [{"name": "SHA256SUMS"}]}}', "has no build for"),
}


@pytest.mark.parametrize(("text", "said"), MANIFESTS.values(), ids=MANIFESTS)
def test_a_manifest_that_tells_nothing(box, text, said):
    (box.server.root / "latest.json").write_text(text)
    run = box.run()
    assert run.status == 1
    assert said in run.text
    assert "\x1b" not in run.text
    assert box.left() == []


@pytest.mark.parametrize("form", ["small", "wide", "escaped", "v"])
def test_a_manifest_is_json_in_any_form(box, form):
    """As GitHub writes it: with much else, and with texts that look like members."""
    box.publish("9.9.1")
    told = json.loads((box.server.root / "latest.json").read_text())
    body = 'verify: {"tag_name": "6.6.6", "assets": [{"name": "SHA256SUMS"}]} \\ " ] } ü\n' * 300
    told = {
        "url": "https://example.test",
        "author": {"id": 1, "tag_name": "0.0.1", "x": [[1.5e9, None]]},
        "body": body,
    } | told
    for asset in told["assets"]:
        asset["uploader"] = {"name": "somebody", "browser_download_url": "https://example.test", "site_admin": False}
        asset["label"] = None
    if form == "v":
        told["tag_name"] = "v9.9.1"
    text = json.dumps(told, indent=2 if form == "wide" else None, ensure_ascii=form != "wide",
                      separators=(",", ":") if form == "small" else None)  # fmt: skip
    (box.server.root / "latest.json").write_text(text.replace("/", "\\/") if form == "escaped" else text)
    run = box.run()
    assert run.status == 0, run.text
    assert box.works("9.9.1")


def test_another_release_than_was_asked_for_is_refused(box):
    box.publish("9.9.1")
    (box.server.root / "tag-9.9.2.json").write_text((box.server.root / "latest.json").read_text())
    run = box.run("--tag", "9.9.2")
    assert run.status == 1
    assert "release 9.9.2 was asked for, and" in run.text
    assert "tells of 9.9.1" in run.text


def test_a_release_that_is_not_there_is_named(box):
    box.publish("9.9.1")
    run = box.run("--tag", "1.2.3")
    assert run.status == 1
    assert f"the release 1.2.3 is not there: {box.server.base}/tag-1.2.3.json (HTTP 404)" in run.text


def test_releases_are_found_as_github_has_them(box):
    box.publish("9.9.1")
    box.env["AIMX_RELEASE_MANIFEST_URL"] = f"{box.server.base}/releases/latest"
    run = box.run("--tag", "9.9.1")
    assert run.status == 0, run.text
    assert box.server.asked[0] == "/releases/tags/9.9.1"


def test_a_trace_tells_requests_and_files(box):
    box.publish("9.9.1")
    box.env |= {"AIMX_VERBOSE": "1", "GITHUB_TOKEN": TOKEN}
    run = box.run()
    assert run.status == 0, run.text
    for line in (
        f"GET {box.server.manifest}", f"GET {box.server.base}/9.9.1/{ARCHIVE}", "SHA-256 of", "tar -xzf",
        f"flock {box.bin}",
        f"mv {box.bin}/.aimx.install {box.program}", f"{box.program} setup",
    ):  # fmt: skip
        assert f"install: + {line}" in run.text
    assert TOKEN not in run.text


def test_everything_temporary_is_ours_alone(box):
    box.publish("9.9.1")
    box.fake("openssl", f'stat -c %a "$TMPDIR"/aimx-install.* >"{box.path}/modes"\nexec {shutil.which("openssl")} "$@"')
    box.give("stat")
    assert box.run(umask=0).status == 0
    assert (box.path / "modes").read_text() == f"{stat.S_IRWXU:o}\n"
