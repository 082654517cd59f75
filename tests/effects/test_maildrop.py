"""The place of test mail: whole messages in order, or one file that tells them apart."""

import threading

import pytest

from aimx.effects.maildrop import SEPARATOR, drop
from aimx.errors import DeliveryDeferred


def test_a_directory_gets_a_file_for_each_message_in_order(tmp_path):
    messages = [b"%d\r\n" % number for number in range(20)]
    for octets in messages:
        drop(tmp_path, octets)
    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == messages
    assert {path.suffix for path in tmp_path.iterdir()} == {".eml"}


def test_any_other_path_is_appended_to(tmp_path):
    drop(tmp_path / "mail", b"a\r\n")
    drop(tmp_path / "mail", b"b\r\n")
    assert (tmp_path / "mail").read_bytes() == SEPARATOR + b"a\r\n\n" + SEPARATOR + b"b\r\n\n"
    assert SEPARATOR == b"----- AIMX TEST DROP -----\n"


def test_messages_at_once_stay_whole(tmp_path):
    large = [bytes([letter]) * 300_000 for letter in b"abcdef"]
    threads = [threading.Thread(target=drop, args=(tmp_path / "mail", octets)) for octets in large]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    pieces = (tmp_path / "mail").read_bytes().split(SEPARATOR)[1:]
    assert sorted(piece.removesuffix(b"\n") for piece in pieces) == large


def test_what_cannot_be_written_is_a_failure_with_its_path(tmp_path):
    with pytest.raises(DeliveryDeferred) as raised:
        drop(tmp_path / "no" / "where", b"a\r\n")
    assert raised.value.reason == f"AIMX_TEST_MAIL_DROP: {tmp_path}/no/where: No such file or directory"
