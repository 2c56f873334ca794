"""Metrics are read when asked, as a map and as Prometheus text."""

from sidecar.observe.metrics import Metrics


def test_both_forms_say_the_same() -> None:
    metrics = Metrics()
    metrics.add("sidecar_events_total", "counter", "Events.", lambda: 7)
    metrics.add(
        "sidecar_sessions", "gauge", "By phase.", lambda: {"live": 2, "stopped": 1}, "phase"
    )
    assert metrics.values() == {
        "sidecar_events_total": 7,
        'sidecar_sessions{phase="live"}': 2,
        'sidecar_sessions{phase="stopped"}': 1,
    }
    assert metrics.text().splitlines() == [
        "# HELP sidecar_events_total Events.",
        "# TYPE sidecar_events_total counter",
        "sidecar_events_total 7",
        "# HELP sidecar_sessions By phase.",
        "# TYPE sidecar_sessions gauge",
        'sidecar_sessions{phase="live"} 2',
        'sidecar_sessions{phase="stopped"} 1',
    ]
