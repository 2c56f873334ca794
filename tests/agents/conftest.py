"""Fixtures of the live tests: an agent of a profile, with its app, its sidecar and its fake LLM."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.agents.app import GLUE, App, Launch
from tests.agents.harness import AgentProfile, FakeLlm, LiveAgent, source_command
from tests.agents.install import NotInstalledError, install
from tests.support import observer

FAKE_LLM = Path(__file__).parents[1] / "fakes" / "fake_llm.py"
LISTEN_S = 30.0
END_S = 10.0

StartAgent = Callable[..., LiveAgent]

_shared: set[App] = set()
"""Apps that are up for the rest of a module."""


@pytest.fixture(autouse=True)
def sessions_end_with_their_test() -> Iterator[None]:
    """Leave nothing of a test's sessions in an app that the next test goes on with."""
    yield
    for app in _shared:
        app.end_sessions()


@pytest.fixture(scope="module")
def start_agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartAgent]:
    """Return a function: (profile, binary=…) → LiveAgent, up for the rest of the module.

    Skips with the reason when an agent of the profile cannot be installed.
    """
    with ExitStack() as stack:

        def start(profile: AgentProfile, binary: Path | None = None) -> LiveAgent:
            bins = {package: _installed(package) for package in profile.packages}
            if not (GLUE / "dist" / "esm" / "index.js").exists():
                pytest.skip("electron-glue is not built: npm run build")
            folder = tmp_path_factory.mktemp(profile.name)
            return stack.enter_context(_running(profile, folder, bins, binary))

        yield start


@contextmanager
def _running(
    profile: AgentProfile, folder: Path, bins: dict[str, Path], binary: Path | None
) -> Iterator[LiveAgent]:
    program, arguments = (str(binary), ()) if binary else source_command()
    own = folder / "sidecar"
    for name in ("home", "tmp", "data"):
        (own / name).mkdir(parents=True)
    launch = Launch(
        data_dir=own / "data",
        binary=program,
        binary_args=arguments,
        settings=dict(profile.settings),
        options=profile.launch(bins),
        env={"HOME": str(own / "home"), "TMPDIR": str(own / "tmp")},
    )
    with fake_llm(folder) as llm:
        with App(launch) as app:
            agent = LiveAgent(profile, app, folder, llm, bins)
            _shared.add(app)
            try:
                yield agent
            finally:
                _shared.discard(app)
        left = [seen for word in agent.sentinels for seen in observer.seen_with_env(word)]
        assert not left, f"alive after the sidecar: {left}"


@contextmanager
def fake_llm(folder: Path) -> Iterator[FakeLlm]:
    """A fake LLM on a free port, with a log of what it is asked."""
    log, said = folder / "llm.jsonl", folder / "llm.out"
    log.touch()
    argv = [sys.executable, str(FAKE_LLM), "--port", "0", "--log", str(log), "--escalate"]
    with said.open("wb") as sink:
        process = subprocess.Popen(argv, stdout=sink, stderr=sink, stdin=subprocess.DEVNULL)
    try:
        yield FakeLlm(f"http://127.0.0.1:{_port(process, said)}", log)
    finally:
        process.terminate()
        process.wait(END_S)


def _port(process: "subprocess.Popen[bytes]", said: Path) -> int:
    end = time.monotonic() + LISTEN_S
    while True:
        words = said.read_text("utf-8").split()
        if "on" in words and said.read_text("utf-8").endswith("\n"):
            return int(words[words.index("on") + 1])
        assert process.poll() is None, said.read_text("utf-8")
        assert time.monotonic() < end, "the fake LLM does not listen"
        time.sleep(0.02)


def _installed(package: str) -> Path:
    try:
        return install(package)
    except NotInstalledError as error:
        pytest.skip(str(error))
