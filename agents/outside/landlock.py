"""Linux Landlock: no file access outside named folders, no TCP, no signals to other processes.

The kernel's own interface (Documentation/userspace-api/landlock.rst), since Python has none. Needs
no privilege and cannot be undone by the process that asked for it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION, _PATH_BENEATH = 1, 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14
READ = _EXECUTE | _READ_FILE | _READ_DIR
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_FS_BITS = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many kinds of file access each version knows; 16 from version 5 on."""
_TCP, _TCP_SINCE = 0b11, 4
_SIGNALS_AND_SOCKETS, _SCOPE_SINCE = 0b11, 6


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("access_fs", ctypes.c_uint64),
        ("access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("access", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """The kernel's Landlock version; 0 where there is none."""
    libc = ctypes.CDLL(None, use_errno=True)
    found: int = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)
    return max(found, 0)


def confine(readable: Iterable[str], writable: Iterable[str]) -> bool:
    """Give up all file access but this, for good; whether the kernel agreed.

    The process must have set "no new privileges" before.
    """
    known = version()
    if not known:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    everything = (1 << _FS_BITS.get(known, 16)) - 1
    ruleset = _Ruleset(
        everything,
        _TCP if known >= _TCP_SINCE else 0,
        _SIGNALS_AND_SOCKETS if known >= _SCOPE_SINCE else 0,
    )
    size = 24 if known >= _SCOPE_SINCE else 16 if known >= _TCP_SINCE else 8
    handle = libc.syscall(_CREATE_RULESET, ctypes.byref(ruleset), ctypes.c_size_t(size), 0)
    if handle < 0:
        return False
    try:
        allowed = [(path, READ) for path in readable] + [(path, everything) for path in writable]
        if not all(_allow(libc, handle, path, access) for path, access in allowed):
            return False
        agreed: int = libc.syscall(_RESTRICT_SELF, handle, 0)
        return agreed == 0
    finally:
        os.close(handle)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, access: int) -> bool:
    """Allow a path and what lies beneath it; one that does not exist needs no permission."""
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        rule = _Beneath(access if os.path.isdir(path) else access & _OF_FILES, parent)
        added: int = libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
        return added == 0
    finally:
        os.close(parent)
