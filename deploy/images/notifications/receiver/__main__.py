"""python3 -m receiver: serves until SIGTERM."""

from __future__ import annotations

import signal
import sys

from aiosmtpd.controller import Controller

from .serving import BYTES_MAX, Inbox, Mailbox, serve

HTTP_PORT, SMTP_PORT = 8025, 2525
EVERYWHERE = "0.0.0.0"  # noqa: S104 - a pod's own address


def main() -> None:
    """Serves HTTP here and SMTP in a thread of its own."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    inbox = Inbox()
    smtp = Controller(Mailbox(inbox), hostname=EVERYWHERE, port=SMTP_PORT, data_size_limit=BYTES_MAX)
    smtp.start()
    try:
        serve(inbox, EVERYWHERE, HTTP_PORT).serve_forever()
    finally:
        smtp.stop()


if __name__ == "__main__":
    main()
