"""The page's looks. Colours have the same meaning everywhere, and a sign beside them."""

LIGHT = {
    "ink": "#1c2024", "paper": "#fcfcfd", "line": "#dfe2e6", "dim": "#60656c", "good": "#18794e",
    "bad": "#c62a2f", "ours": "#3e63dd", "node": "#b98900", "good-fill": "#ddf3e4",
    "bad-fill": "#ffe2e2", "none-fill": "#eff0f2",
}  # fmt: skip
DARK = {
    "ink": "#ecedee", "paper": "#151718", "line": "#313538", "dim": "#9ba1a6", "good": "#4cc38a",
    "bad": "#ff6369", "ours": "#849dff", "node": "#ffcb47", "good-fill": "#113123",
    "bad-fill": "#3c1618", "none-fill": "#222527",
}  # fmt: skip


def _variables(palette: dict[str, str]) -> str:
    return ":root { " + " ".join(f"--{name}: {code};" for name, code in palette.items()) + " }"


def _fills(palette: dict[str, str]) -> str:
    fills = [f".f-{name} {{ fill: {code}; }}" for name, code in palette.items()]
    return " ".join([*fills, f".s-line {{ stroke: {palette['line']}; }}"])


_IN_THE_DARK = "@media (prefers-color-scheme: dark)"

FILLS = f"{_fills(LIGHT)}\n{_IN_THE_DARK} {{ {_fills(DARK)} }}"
"""Classes of the picture: plain colours, as not every viewer of SVG knows variables."""

COLOURS = f""":root {{ color-scheme: light dark; }}
{_variables(LIGHT)}
{_IN_THE_DARK} {{ {_variables(DARK)} }}
{FILLS}"""

STYLE = f"""{COLOURS}
body {{ margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }}
main {{ max-width: 960px; margin: 0 auto; padding: 32px 20px 64px; }}
h1 {{ font-size: 26px; margin: 0 0 4px; letter-spacing: -.01em; }}
h2 {{ font-size: 17px; margin: 36px 0 4px; }}
p {{ margin: 4px 0; }}
.verdict {{ font-weight: 600; }}
.good {{ color: var(--good); }} .bad {{ color: var(--bad); }}
.dim, .number {{ color: var(--dim); }}
.number {{ font-variant-numeric: tabular-nums; margin-right: 4px; }}
.note {{ border-left: 3px solid var(--node); padding-left: 10px; }}
figure {{ margin: 20px 0 0; overflow-x: auto; }}
svg {{ display: block; width: 100%; min-width: 720px; height: auto; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: left; padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line);
  font-weight: 400; white-space: nowrap; }}
thead th {{ color: var(--dim); font-size: 13px; }}
td[colspan] {{ white-space: normal; }}
ul {{ margin: 2px 0; padding-left: 18px; font-size: 13px; }}
.reasons {{ color: var(--bad); }}
details {{ font-size: 13px; color: var(--dim); }}
code {{ font-size: 13px; overflow-wrap: anywhere; }}
"""
