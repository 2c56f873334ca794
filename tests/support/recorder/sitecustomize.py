"""Records what a host runs, if this process is one: on its PYTHONPATH, with RECORD_INTO set.

Python imports a module of this name by itself when it starts. What was run from become_host on is
written when the process ends, as `names` has it.
"""

import atexit
import os
import sys
from importlib import import_module
from pathlib import Path

if "RECORD_INTO" in os.environ and "host" in sys.orig_argv:
    sys.path.insert(0, os.environ["RECORD_ROOT"])
    from tests.support.recorder.recording import Recording

    def prepare() -> list[str]:
        """Import what the zygote has imported before it forks a host, and what a host adds."""
        for module in import_module("sidecar.host.zygote")._provider_modules():
            import_module(module)
        shared = list(sys.modules)
        import_module("aiohttp")
        return shared

    recording = Recording("become_host", prepare)
    recording.start()

    def write() -> None:
        recording.stop()
        path = Path(os.environ["RECORD_INTO"]) / f"{os.getpid()}.txt"
        path.write_text("\n".join(f"{module} {name}" for module, name in recording.names()))

    atexit.register(write)
