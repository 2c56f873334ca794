"""Sabotages of what ends processes."""

from typing import Any

from tests.scorecard.sabotage.patching import replace


def no_kill() -> None:
    """Leave out the last rung: nothing of a session is killed, and no host."""

    async def kill(self: Any) -> Any:
        from sidecar.process.census import Kill  # noqa: PLC0415 - after the patches

        return Kill(self._look)

    replace("sidecar.process.stop:_Stop._kill", kill)
    replace("sidecar.process.child:Child.close", lambda _self: None)
    replace("sidecar.supervisor.hostlink:HostLink.kill", lambda _self, _reason: None)


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


def no_undertaker() -> None:
    """Have neither hosts' guards nor the zygote act when the supervisor is gone."""
    replace("sidecar.host.guard:start_guard", lambda _channel: None)
    replace("sidecar.host.zygote:Zygote._undertake", lambda _self: None)
    replace("sidecar.host.zygote:UNDERTAKER_KILL_S", 3600.0)


def no_marks() -> None:
    """Start without looking for what the last run left."""
    replace("sidecar.process.marks:carries", lambda _pid, _marks: False)
