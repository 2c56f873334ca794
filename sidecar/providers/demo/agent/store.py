"""What the demo agent was told: one file of JSON lines a session, so that session/load works.

A prompt is written before anything of its answer is sent; no fsync, as only a power loss needs it.
"""

import json
import re
import secrets
from pathlib import Path
from typing import Final

REPLAYED = 200
"""Messages replayed by session/load, the newest; the count that is told is of all."""

_ID: Final = re.compile(r"[0-9a-f]{32}")


class Store:
    """The conversations in a folder; without one nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    @property
    def keeps(self) -> bool:
        """Whether a conversation can be loaded again."""
        return self._folder is not None

    def create(self) -> str:
        """Return a new session's id; its file comes with the first prompt."""
        return secrets.token_hex(16)

    def load(self, session_id: str) -> list[tuple[str, str]] | None:
        """Return (role, text) of all that was said, None for an unknown session."""
        path = self._path(session_id)
        if path is None or not path.is_file():
            return None
        said = []
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
                said.append((str(row["role"]), str(row["text"])))
            except (ValueError, KeyError, TypeError):
                continue  # the line that a kill cut off
        return said

    def add(self, session_id: str, role: str, text: str) -> None:
        """Append one message."""
        path = self._path(session_id)
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"role": role, "text": text}) + "\n")

    def _path(self, session_id: str) -> Path | None:
        """Return the session's file; None without a folder or for an id that is not of ours."""
        if self._folder is None or _ID.fullmatch(session_id) is None:
            return None
        return self._folder / f"{session_id}.jsonl"
