"""What the watchdogs have seen, as metrics."""

from sidecar.observe.metrics import Metrics
from sidecar.supervisor.watch.sampler import Sampler


def register_sampler(metrics: Metrics, sampler: Sampler) -> None:
    """Add what the sampler has seen: at most one row a session that runs."""
    add = metrics.add
    add(
        "sidecar_session_rss_bytes",
        "gauge",
        "Resident memory of a session's whole process tree, shared pages in full.",
        lambda: {usage.thread_id: usage.rss_bytes for usage in sampler.latest.values()},
        "thread",
    )
    add(
        "sidecar_session_cpu_seconds_total",
        "counter",
        "CPU time of a session's whole process tree in its running generation.",
        lambda: {usage.thread_id: usage.cpu_ms / 1000 for usage in sampler.latest.values()},
        "thread",
    )
    add(
        "sidecar_rss_bytes",
        "gauge",
        "Resident memory of supervisor, zygote and all below, as last sampled.",
        lambda: sampler.look.rss_bytes if sampler.look else 0,
    )
    add(
        "sidecar_sampler_cpu_seconds_total",
        "counter",
        "CPU time of sampling.",
        lambda: round(sampler.cpu_s, 6),
    )
    add("sidecar_sampler_looks_total", "counter", "Looks at all.", lambda: sampler.looks)
