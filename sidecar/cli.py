"""The command line: one program, one subcommand a role.

Imports as little as it can before a role is known: `serve` starts the zygote first, so that both
import side by side, and `zygote`, `host` and `demo-agent` never import aiohttp.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from sidecar import __version__


def main(argv: list[str] | None = None) -> int:
    """Run the subcommand; the exit code of the process."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments and (own := _OWN_ARGUMENTS.get(arguments[0])):
        return own(arguments[1:])
    options = _parser().parse_args(arguments)
    role: str = options.role
    if role == "serve":
        return _serve(options)
    if role == "zygote":
        from sidecar.host.zygote import main as zygote

        return zygote(options.control_fd)
    if role == "host":
        from sidecar.host.entry import main as host

        return host(options.channel_fd)
    if role == "probe":
        from sidecar.host.probe import main as probe

        return probe(options.channel_fd)
    sys.stdout.write(f"agent-sidecar {__version__}\n")
    return 0


def _demo_agent(arguments: list[str]) -> int:
    from sidecar.providers.demo.agent import main as demo_agent

    return demo_agent(arguments)


def _doctor(arguments: list[str]) -> int:
    from sidecar.observe.doctor import main as doctor

    return doctor(arguments)


def _tail(arguments: list[str]) -> int:
    from sidecar.observe.tail import main as tail

    return tail(arguments)


def _diagnose(arguments: list[str]) -> int:
    from sidecar.observe.diagnose import main as diagnose

    return diagnose(arguments)


def _selftest(_arguments: list[str]) -> int:
    from sidecar.observe.selftest import main as selftest

    return selftest()


_OWN_ARGUMENTS: dict[str, Callable[[list[str]], int]] = {
    "demo-agent": _demo_agent,
    "diagnose": _diagnose,
    "doctor": _doctor,
    "selftest": _selftest,
    "tail": _tail,
}
"""Roles that read their arguments themselves."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="agent-sidecar", description="Supervises coding-agent sessions for a desktop app."
    )
    parser.add_argument("--version", action="version", version=f"agent-sidecar {__version__}")
    roles = parser.add_subparsers(dest="role", required=True, metavar="ROLE")
    serve = roles.add_parser("serve", help="run the supervisor (bootstrap line on stdin)")
    serve.add_argument("--token-file", type=Path, help="read the token here instead of stdin")
    serve.add_argument("--data-dir", help="data dir; with --token-file only")
    serve.add_argument(
        "--host-launch",
        choices=("auto", "zygote", "exec"),
        default=None,
        help="how hosts start, for use by hand",
    )
    roles.add_parser("zygote", help="(internal) forks session hosts").add_argument(
        "--control-fd", type=int, required=True
    )
    roles.add_parser("host", help="(internal) runs sessions").add_argument(
        "--channel-fd", type=int, required=True
    )
    roles.add_parser("probe", help="(internal) looks at one provider").add_argument(
        "--channel-fd", type=int, help="without it: a request on stdin, the answer on stdout"
    )
    roles.add_parser("demo-agent", help="an ACP agent for demonstrations and tests")
    roles.add_parser("doctor", help="show what works on this machine")
    roles.add_parser("tail", help="show the logs as one, as they grow")
    roles.add_parser("diagnose", help="write what a report of a problem needs, without secrets")
    roles.add_parser("selftest", help="check that this build has all its parts")
    roles.add_parser("version", help="print the version")
    return parser


def _serve(options: argparse.Namespace) -> int:
    zygote = None
    if sys.platform == "linux" and options.host_launch != "exec":
        from sidecar.supervisor.launch.zygote_process import start_zygote

        zygote = start_zygote()
    from sidecar.serve import ServeOptions, serve

    return serve(
        ServeOptions(
            token_file=options.token_file,
            data_dir=options.data_dir,
            host_launch=options.host_launch,
        ),
        zygote,
    )
