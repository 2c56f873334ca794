"""Counters and gauges, read when asked; rendered as Prometheus text or a map."""

from collections.abc import Callable, Mapping

Value = int | float
Source = Callable[[], Value | Mapping[str, Value]]


class Metrics:
    """Named sources of numbers. A source may return a map by label value."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[str, str, str, Source]] = {}

    def add(self, name: str, kind: str, help_text: str, source: Source, label: str = "") -> None:
        """Register a metric; `kind` is counter or gauge, `label` names the key of a map."""
        self._rows[name] = (kind, help_text, label, source)

    def values(self) -> dict[str, Value]:
        """Return every metric by its Prometheus name, labels in braces."""
        return {key: value for _, rows in self._read() for key, value in rows.items()}

    def text(self) -> str:
        """Return the Prometheus text format, version 0.0.4."""
        lines: list[str] = []
        for name, rows in self._read():
            kind, help_text, _, _ = self._rows[name]
            lines += [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}"]
            lines += [f"{key} {value}" for key, value in rows.items()]
        return "\n".join(lines) + "\n"

    def _read(self) -> list[tuple[str, dict[str, Value]]]:
        out = []
        for name, (_, _, label, source) in self._rows.items():
            value = source()
            if isinstance(value, Mapping):
                rows = {f'{name}{{{label}="{_escaped(key)}"}}': v for key, v in value.items()}
            else:
                rows = {name: value}
            out.append((name, rows))
        return out


def _escaped(label: str) -> str:
    """Return a label's value as the text format wants it: a thread's name may hold anything."""
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
