"""Adding an agent costs a manifest: the ACP SDKs' own example agents, without a line of Python.

Neither is known to the sidecar: some lines of TOML in the data dir, written while it runs, make
each a provider. The npm SDK's example asks a permission; the PyPI SDK's example repeats its prompt.
"""

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from tests.agents.conftest import StartAgent
from tests.agents.harness import AgentProfile, LiveAgent, Place
from tests.agents.install import NotInstalledError, install
from tests.agents.pypi import install_with_examples, venv_of

NPM_SDK = "@agentclientprotocol/sdk@1.9.0"
"""The last version whose package holds the example."""
PYPI_SDK = "agent-client-protocol==0.12.1"

NPM_MANIFEST = """\
displayName = "npm SDK example"
command = "{node}"
args = ["{bins}/../@agentclientprotocol/sdk/dist/examples/agent.js"]
versionArgs = ["--version"]
"""
PYPI_MANIFEST = """\
displayName = "PyPI SDK example"
command = "{venv}/bin/python"
args = ["{examples}/echo_agent.py"]
env = {{ PYTHONUNBUFFERED = "1" }}
authHint = "it needs no login"
quirks = {{ noLoad = true, noTerminals = true }}
"""

pytestmark = pytest.mark.agents("examples")

Provide = Callable[[str, str], None]


def start(place: Place) -> dict[str, Any]:
    """Return no options: the manifest says it all."""
    return {"env": {"HOME": str(place.home)}}


PROFILE = AgentProfile(name="examples", provider="npm-example", packages=(), start=start)


@pytest.fixture(scope="module")
def agent(start_agent: StartAgent) -> LiveAgent:
    return start_agent(PROFILE)


@pytest.fixture
def provide(agent: LiveAgent) -> Provide:
    """Return a function that puts a manifest into the data dir of the running sidecar."""

    def write(name: str, manifest: str) -> None:
        folder = agent.app.data_dir / "providers"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.toml").write_text(manifest, "utf-8")

    return write


def status_of(agent: LiveAgent, provider: str) -> dict[str, Any]:
    (row,) = agent.app.request("provider.status", provider=provider)["providers"]
    found: dict[str, Any] = row
    return found


def test_the_npm_sdks_example_becomes_a_provider(agent: LiveAgent, provide: Provide) -> None:
    node = shutil.which("node")
    try:
        bins = install(NPM_SDK)
    except NotInstalledError as error:
        pytest.skip(str(error))
    provide("npm-example", NPM_MANIFEST.format(node=node, bins=bins))
    row = status_of(agent, "npm-example")
    assert (row["installed"], row["displayName"]) == (True, "npm SDK example")
    with agent.session("npm-example") as session:
        turn_id = session.send("hello")
        request = session.until("request.opened", turn_id)
        assert request["payload"]["requestType"] == "file_change_approval"
        session.respond(request, "accept")
        assert session.finish(turn_id)["state"] == "completed"
        assert "successfully updated" in session.text(turn_id)
        done = [e["payload"]["itemType"] for e in session.of("item.completed", turn_id)]
        assert "file_change" in done


def test_the_pypi_sdks_example_becomes_a_provider(agent: LiveAgent, provide: Provide) -> None:
    try:
        examples = install_with_examples(PYPI_SDK)
    except NotInstalledError as error:
        pytest.skip(str(error))
    venv = venv_of(PYPI_SDK) / "venv"
    provide("pypi-example", PYPI_MANIFEST.format(venv=venv, examples=examples))
    row = status_of(agent, "pypi-example")
    assert (row["installed"], row["auth"]) == (True, "unknown")
    assert "it needs no login" in row["reason"]
    with agent.session("pypi-example", provider="pypi-example") as session:
        turn_id = session.send("say this again 😀")
        assert session.finish(turn_id)["state"] == "completed"
        assert session.text(turn_id) == "say this again 😀"


def test_a_manifest_with_a_typo_is_a_row_that_says_so(agent: LiveAgent, provide: Provide) -> None:
    provide("mistaken", 'command = "x"\nquirks = { noLod = true }\n')
    row = status_of(agent, "mistaken")
    assert row["installed"] is False
    assert "noLod" in row["reason"]
