"""The plugin that names, in the environment of each tool's shell, the session that it runs for.

One server runs the tools of many sessions, and nothing outside it tells whose shell is whose. The
plugin writes the session's own mark behind the server's (AGENT_SIDECAR_MARKS), which everything
inherits that the shell starts: so an interrupt or a stop finds the tools of its session, in
sessions of their own as well, and none of a sibling's. A sub-agent's session is found by its
parent. It also keeps the server's password from the shells.
"""

import hashlib
from pathlib import Path

from sidecar.providers.opencode.shell import MARK_KEY, PASSWORD_VARIABLE

HOPS = 16
"""How far a sub-agent's session may be below ours; opencode allows one unless it is told."""

SOURCE = f"""\
// Written by agent-sidecar; see its sidecar/providers/opencode/plugin.py. Changes are lost.
export const AgentSidecar = async ({{ client }}) => ({{
  "shell.env": async ({{ sessionID }}, output) => {{
    output.env.{PASSWORD_VARIABLE} = ""
    let id = sessionID
    for (let hop = 0; id && hop < {HOPS}; hop++) {{
      const {{ data }} = await client.session.get({{ path: {{ id }} }})
      const mark = data?.metadata?.{MARK_KEY}
      if (typeof mark === "string") {{
        const outer = process.env.AGENT_SIDECAR_MARKS
        output.env.AGENT_SIDECAR_MARKS = outer ? `${{outer}}:${{mark}}` : mark
        return
      }}
      id = data?.parentID
    }}
  }},
}})
"""


def install(data_dir: str) -> str:
    """Write the plugin below the sidecar's data directory; return its URL. Raises OSError."""
    digest = hashlib.sha256(SOURCE.encode()).hexdigest()[:16]
    path = Path(data_dir).absolute() / "opencode" / f"sidecar-{digest}.js"
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{id(path):x}.tmp")
        unfinished.write_text(SOURCE, encoding="utf-8")
        unfinished.replace(path)
    return path.as_uri()
