"""Sabotages of what ends processes."""

import signal
from typing import Any

from tests.scorecard.sabotage.patching import patch, replace


def no_kill() -> None:
    """Leave out the last rung: what hears no SIGTERM lives on, also behind its host's end."""

    def signal_group(before: Any) -> Any:
        def but_not_kill(self: Any, number: int) -> None:
            if number != signal.SIGKILL:
                before(self, number)

        return but_not_kill

    replace("sidecar.process.census:Kill.step", lambda _self: None)
    patch("sidecar.process.child:Child.signal_group", signal_group)


def no_subreaper() -> None:
    """Let orphans fall to init."""
    replace("sidecar.process.linux:set_subreaper", lambda _on=True: True)


def no_census() -> None:
    """Stop the processes that were started here, and look for none below them, at no level."""

    def census(children: Any, _mark: str) -> Any:
        from sidecar.process.stop import _info_of  # noqa: PLC0415 - after the patches

        infos = [_info_of(child) for child in children]
        return [info for info in infos if info is not None and not info.dead]

    replace("sidecar.process.stop:session_census", census)
    replace("sidecar.process.census:everything_below", list)
    replace("sidecar.host.zygote:Zygote._orphans", lambda _self: [])


def no_guard() -> None:
    """Have hosts rely on their main thread when the supervisor is gone."""
    replace("sidecar.host.guard:start_guard", lambda _channel: None)


def no_undertaker() -> None:
    """Have the zygote not act when the supervisor is gone."""
    replace("sidecar.host.zygote:Zygote._undertake", lambda _self: None)
    replace("sidecar.host.zygote:UNDERTAKER_KILL_S", 3600.0)


def no_close() -> None:
    """Keep one descriptor of each host that has ended."""

    def set_end(before: Any) -> Any:
        def and_forget(self: Any, end: Any) -> None:
            self.pidfd = None
            before(self, end)

        return and_forget

    patch("sidecar.supervisor.launch.base:HostProcess.set_end", set_end)


def no_tag() -> None:
    """Know what was started by its environment alone."""
    replace("sidecar.process.linux:tag_of", lambda _pid: None)


def no_marks() -> None:
    """Start without looking for what the last run left."""
    replace("sidecar.process.marks:carries", lambda _pid, _marks: False)
