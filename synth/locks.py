"""File locks with `flock`, and a clear error if the file system has none."""

from __future__ import annotations

import errno
import fcntl
from pathlib import Path

from synth.errors import MachineError

# Errors of network file systems without locks: NFS without lockd, Lustre without `-o flock`.
_WITHOUT_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EBADF}


def try_lock(descriptor: int, folder: Path) -> bool:
    """Locks an open file until it is closed. Returns False if another process has the lock.

    The file must be open for writing, because NFS requires that. Raises `MachineError` if there are no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise
        raise MachineError(
            f"this file system has no file locks ({error.strerror}). Without them, two processes could write"
            " into one folder.",
            where=str(folder),
            hint="Choose a folder on a local disk with --out; or mount this one with locks"
            " (NFS: start lockd, Lustre: `-o flock`).",
        ) from None
    return True
