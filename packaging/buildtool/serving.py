"""`build.py run`: a sidecar from source for use by hand, in a data dir that goes away with it.

Owns the token file and the folder. The sidecar prints its own ready line.
"""

import contextlib
import secrets
import signal
import subprocess
import tempfile
from pathlib import Path

from buildtool.env import ensure_venv
from buildtool.paths import ROOT
from buildtool.shell import say

STOP_DEADLINE_S = 20.0


def run() -> int:
    """Serve until Ctrl-C or the sidecar's own end; return its exit code."""
    python = ensure_venv()
    with tempfile.TemporaryDirectory(prefix="agent-sidecar-run-") as name:
        folder = Path(name)
        token_file = folder / "token"
        token_file.touch(mode=0o600)
        token_file.write_text(secrets.token_hex(32), encoding="utf-8")
        say(f"token file: {token_file}\ndata dir:   {folder / 'data'}\nCtrl-C stops it.")
        argv = [str(python), "-m", "sidecar", "serve"]
        argv += ["--token-file", str(token_file), "--data-dir", str(folder / "data")]
        with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.DEVNULL) as process:
            return _wait(process)


def _wait(process: subprocess.Popen[bytes]) -> int:
    signal.signal(signal.SIGTERM, lambda _number, _frame: process.terminate())  # passed on
    with contextlib.suppress(KeyboardInterrupt):
        return process.wait()
    # The terminal has sent the interrupt to the sidecar as well: give it time to stop everything.
    try:
        return process.wait(STOP_DEADLINE_S)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.terminate()
        return process.wait()
