"""Runs an outside agent: gives up every right first, says which, then runs its script.

``python -m agents.outside.launcher SCRIPT LIMITS`` from the folder that holds this package. Only
the standard library is loaded before the rights are gone; the first line on stdout says what is
enforced, everything after it is the agent's.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
from pathlib import Path

from agents.outside import landlock, seccomp

_SET_NO_NEW_PRIVS, _SET_PARENT_DEATH_SIGNAL = 38, 1
_CAPABILITY_VERSION_3 = 0x20080522
_CAPSET = {"x86_64": 126, "aarch64": 91}
READABLE = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/localtime", "/dev/urandom")
"""What Python and its libraries need besides their own folders."""


def main(script: Path, limits: dict[str, int]) -> None:
    """Confine this process, then run the script in its own folder."""
    folder = script.parent
    os.chdir(folder)
    own = (sys.prefix, sys.base_prefix)
    sys.path[:] = [str(folder), *(path for path in sys.path[1:] if path.startswith(own))]
    enforced = {**_resources(limits), **_linux(folder)}
    print(json.dumps({"enforced": enforced}), flush=True)
    sys.argv = [str(script)]
    runpy.run_path(str(script), run_name="__main__")


def _resources(limits: dict[str, int]) -> dict[str, bool]:
    """Limits that every Unix enforces; hard ones, so that they cannot be raised again."""
    import resource

    megabyte = 2**20
    for what, most in (
        (resource.RLIMIT_AS, limits["memory_mb"] * megabyte),
        (resource.RLIMIT_CPU, limits["cpu_s"]),
        (resource.RLIMIT_FSIZE, limits["file_mb"] * megabyte),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    return {"memory": True, "cpu": True, "file size": True, "open files": True}


def _linux(folder: Path) -> dict[str, bool]:
    """What only Linux enforces: files, network, other programs."""
    names = ("no files outside its folder", "no network", "no other programs")
    if sys.platform != "linux":
        return dict.fromkeys(names, False)
    _give_up_privileges()
    python = sorted({sys.prefix, sys.base_prefix})
    files = landlock.confine([*python, *READABLE], [str(folder), "/dev/null"])
    calls = seccomp.confine()
    return dict(zip(names, (files, calls, calls), strict=True))


def _give_up_privileges() -> None:
    """No new ones, and no capabilities: not even root may raise a limit again.

    It also dies with whoever started it, however that ends.
    """
    import ctypes

    libc = ctypes.CDLL(None)
    libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_SET_PARENT_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    none = (ctypes.c_uint32 * 6)()
    libc.syscall(_CAPSET.get(os.uname().machine, -1), header, none)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), json.loads(sys.argv[2]))
