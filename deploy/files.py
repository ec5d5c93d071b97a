"""Files that several runs share: written in one step, and changed by one run at a time."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def replace_text(file: Path, text: str, *, mode: int = 0o644) -> None:
    """Writes text into a file, see `replace_bytes`."""
    replace_bytes(file, text.encode(), mode=mode)


def replace_bytes(file: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Writes a file so that a reader, and a run that is cut off, sees the old content or the new one, never a part.

    Args:
        file: its folder is made when it is not there.
        content: the new one.
        mode: permission bits; they hold from the first byte on.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}-", delete=False) as out:
        partial = Path(out.name)
        try:
            partial.chmod(mode)
            out.write(content)
            out.flush()
            partial.replace(file)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


@contextmanager
def only_one(lock: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Lets one run at a time into the block, threads of one run included; the kernel frees the lock of a killed run.

    Args:
        lock: an empty file that stays; not inside a folder that the block removes.
        waiting: is called when another run is in the block, before waiting for it.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
