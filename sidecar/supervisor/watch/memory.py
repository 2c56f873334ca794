"""Holds sessions and the whole sidecar to their budgets of memory.

Listens to the sampler and carries out what core/watch/budget.py says: tells of pressure, ends what
is over. What follows the end of a session is for its restart policy.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from sidecar.core.watch.budget import (
    Exceeded,
    HostExceeded,
    Judge,
    Pressure,
    TotalExceeded,
    TotalHopeless,
    TotalPressure,
    Verdict,
)
from sidecar.core.watch.usage import Usage
from sidecar.observe.log import Log
from sidecar.supervisor.placement import Hosts
from sidecar.supervisor.session import Session
from sidecar.supervisor.supervisor import Supervisor
from sidecar.supervisor.watch.looking import Look
from sidecar.supervisor.watch.sampler import Sampler

MIB = 1024 * 1024


class MemoryWatch:
    """Judges each look of a sampler, in the loop, as it comes."""

    def __init__(
        self,
        sampler: Sampler,
        hosts: Hosts,
        supervisor: Supervisor,
        host_bytes: int | None,
        log: Log,
    ) -> None:
        self._sampler = sampler
        self._hosts = hosts
        self._supervisor = supervisor
        self._log = log
        self._judge = Judge(sampler.total_budget, host_bytes)

    def listen(self) -> None:
        """Take the sampler's looks from now on."""
        self._sampler.on_usages(self._on_usages)
        self._sampler.on_look(self._on_look)

    def _on_usages(self, usages: Mapping[str, Usage]) -> None:
        budgets = {thread_id: self._sampler.budget(usage) for thread_id, usage in usages.items()}
        now = asyncio.get_running_loop().time()
        for verdict in self._judge.judge(usages.values(), budgets, now):
            self._carry_out(verdict)

    def _on_look(self, look: Look) -> None:
        least_bytes = self._sampler.total_budget.nearest_bytes
        self._hosts.scarce = least_bytes is not None and look.charged_bytes >= least_bytes
        if self._hosts.scarce:
            self._hosts.drop_spare("memory is scarce")
        now = asyncio.get_running_loop().time()
        verdict = self._judge.judge_total(look.charged_bytes, look.usages.values(), now)
        if verdict is not None:
            self._carry_out(verdict)

        for over in self._judge.judge_hosts(look.hosts):
            self._replace(over)

    def _replace(self, host: HostExceeded) -> None:
        """End a host; each of its sessions resumes by its policy."""
        detail = {
            "kind": "memory",
            "scope": "host",
            "rssBytes": host.rss_bytes,
            "limitBytes": host.limit_bytes,
        }
        reason = (
            f"memory: its host used {host.rss_bytes // MIB} MiB, over the limit of "
            f"{host.limit_bytes // MIB} MiB"
        )

        def visit(session: Session) -> None:
            if session.lodging is not None and session.lodging.host_pid == host.pid:
                session.fail(reason, detail, host=True)

        self._supervisor.each(visit)

    def _carry_out(self, verdict: Verdict) -> None:
        match verdict:
            case Pressure(usage, limit_bytes):
                self._tell(usage, limit_bytes, _figures("pressure", usage, limit_bytes))
            case TotalPressure(charged_bytes, limit_bytes, usage):
                self._log.warning(
                    "memory.pressure", usedBytes=charged_bytes, limitBytes=limit_bytes
                )
                if usage is not None:
                    detail = _figures("pressure", usage, limit_bytes)
                    self._tell(usage, limit_bytes, _total(detail, charged_bytes))
            case Exceeded(usage, limit_bytes):
                self._end(usage, _figures("memory", usage, limit_bytes))
            case TotalExceeded(charged_bytes, limit_bytes, usage):
                detail = _figures("memory", usage, limit_bytes)
                self._end(usage, _total(detail, charged_bytes))
            case TotalHopeless(charged_bytes, limit_bytes):
                self._log.error("memory.hopeless", usedBytes=charged_bytes, limitBytes=limit_bytes)

    def _tell(self, usage: Usage, limit_bytes: int, detail: dict[str, Any]) -> None:
        used = detail.get("totalBytes", usage.charged_bytes)
        whose = "the sidecar uses" if "totalBytes" in detail else "the session uses"
        session = self._looked_at(usage)
        if session is not None:
            session.tell(f"Memory: {whose} {used // MIB} of {limit_bytes // MIB} MiB", detail)

    def _looked_at(self, usage: Usage) -> Session | None:
        """Return the session of a usage; None when what was looked at has ended meanwhile.

        A look takes a while where memory is scarce: the next generation is not to pay for the last.
        """
        session = self._supervisor.session(usage.thread_id)
        return session if session.running == usage.generation else None

    def _end(self, usage: Usage, detail: dict[str, Any]) -> None:
        over = "the sidecar's" if "totalBytes" in detail else "its"
        reason = (
            f"memory: it used {usage.charged_bytes // MIB} MiB, over {over} budget of "
            f"{detail['limitBytes'] // MIB} MiB"
        )
        session = self._looked_at(usage)
        if session is not None and not session.fail(reason, detail):
            self._judge.spare(usage)


def _figures(kind: str, usage: Usage, limit_bytes: int) -> dict[str, Any]:
    """Return the detail of an event: what is used, by whom most, and what was allowed."""
    figures: dict[str, Any] = {
        "kind": kind,
        "scope": "session",
        "rssBytes": usage.rss_bytes,
        "limitBytes": limit_bytes,
        "processes": [
            {"pid": figure.pid, "name": figure.name, "rssBytes": figure.rss_bytes}
            for figure in usage.largest
        ],
    }
    if usage.pss_bytes is not None:
        figures["pssBytes"] = usage.pss_bytes
    return figures


def _total(detail: dict[str, Any], charged_bytes: int) -> dict[str, Any]:
    return {**detail, "scope": "sidecar", "totalBytes": charged_bytes}
