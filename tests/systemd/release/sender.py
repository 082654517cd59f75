"""A mail server of the internet that never gives up.

`python -m tests.systemd.release.sender HOST HELO SENDER RCPT FIRST` sends mails, numbered from FIRST on, until its
standard input ends, each again until it is taken. Prints, as JSON, the numbers that were taken, how often it was put
off, and every permanent refusal (5yz), of which there must be none.
"""

import json
import smtplib
import sys
import threading
import time
from contextlib import suppress

_SENDERS, _PAUSE_S, _AGAIN_S, _TRIES = 4, 0.02, 0.2, 600


class Sending:
    """What came of it."""

    def __init__(self, host: str, helo: str, sender: str, rcpt: str, first: str) -> None:
        self._host, self._helo, self._sender, self._rcpt, self._first = host, helo, sender, rcpt, int(first)
        self.over = threading.Event()
        self.taken: list[int] = []
        self.refused: list[str] = []
        self.put_off = 0

    def run(self, place: int) -> None:
        """Every `_SENDERS`-th number."""
        number = self._first + place
        while not self.over.is_set():
            if self._until_taken(number):
                self.taken.append(number)
            number += _SENDERS
            time.sleep(_PAUSE_S)

    def _until_taken(self, number: int) -> bool:
        for _ in range(_TRIES):
            try:
                self._send(number)
            except (OSError, smtplib.SMTPException) as error:
                code = getattr(error, "smtp_code", None) or _code(error)
                if code is not None and code >= 500:
                    self.refused.append(f"{number}: {error}")
                    return False
                self.put_off += 1
                time.sleep(_AGAIN_S)
            else:
                return True
        self.refused.append(f"{number}: never taken")
        return False

    def _send(self, number: int) -> None:
        text = f"From: <{self._sender}>\r\nTo: <{self._rcpt}>\r\nSubject: number {number} of many\r\n"
        text += f"Message-ID: <{number}@{self._helo}>\r\n\r\nNumber {number}.\r\n"
        client = smtplib.SMTP(self._host, 25, self._helo, timeout=30)
        try:
            client.sendmail(self._sender, [self._rcpt], text)
            with suppress(OSError, smtplib.SMTPException):  # it is taken, whatever becomes of the farewell
                client.quit()
        finally:
            client.close()


def _code(error: Exception) -> int | None:
    """Of a refusal of all recipients."""
    refused = getattr(error, "recipients", {})
    return max((code for code, _ in refused.values()), default=None)


if __name__ == "__main__":
    sending = Sending(*sys.argv[1:])
    threads = [threading.Thread(target=sending.run, args=(number,)) for number in range(_SENDERS)]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    sys.stdin.read()
    sending.over.set()
    for thread in threads:
        thread.join()
    print(json.dumps({"taken": sending.taken, "put_off": sending.put_off, "refused": sending.refused}), flush=True)
