"""docs/schema/contract.schema.json: JSON Schema (2020-12) of all that crosses the bridge.

Owns how the pieces hang together. The schema of each Struct is msgspec's own. The wire is
MessagePack: binary data, base64 strings in JSON Schema, is bin there.
"""

import json
from typing import Any

import msgspec

from sidecar.contract import bridge
from sidecar.contract.bridge import FROM_CLIENT, FROM_SERVER
from sidecar.contract.errors import ERRORS, ErrorBody
from sidecar.contract.events import EVENTS, Event
from sidecar.contract.methods import METHODS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ENVELOPE = "Event"

Schema = dict[str, Any]


def render() -> str:
    """Return the whole file."""
    return json.dumps(document(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def document() -> Schema:
    """Return the schema: an instance is one event; `$defs` has everything else by name."""
    payloads = [row.payload for row in EVENTS.values()]
    calls = [struct for row in METHODS.values() for struct in (row.params, row.result)]
    messages = [*FROM_SERVER.values(), *FROM_CLIENT.values(), bridge.Hello, bridge.HelloResult]
    lines = [bridge.Bootstrap, bridge.ReadyLine, bridge.FailedLine]
    structs = list(dict.fromkeys([*payloads, *calls, *messages, *lines, ErrorBody]))
    references, components = msgspec.json.schema_components([*structs, Event[Any]])
    refs = dict(zip(structs, references, strict=False))
    generic = references[-1]["$ref"].removeprefix("#/$defs/")
    components[ENVELOPE] = components.pop(generic)  # "Event_Any_" is no name for a tool
    return {
        "$schema": DIALECT,
        "title": "Agent sidecar contract",
        "description": "One event (docs/EVENTS.md). Binary data is base64 here, bin on the wire.",
        "oneOf": [_event(row.name, refs[row.payload]) for row in EVENTS.values()],
        "$defs": components,
        "x-events": {
            row.name: {
                "durable": row.durable,
                "fold": row.fold,
                "mergeable": row.mergeable,
                "payload": refs[row.payload],
            }
            for row in EVENTS.values()
        },
        "x-methods": {
            method.name: {
                "deadlineMs": round(method.deadline_s * 1000),
                "idempotent": method.idempotent,
                "lane": method.lane,
                "mutating": method.mutating,
                "params": refs[method.params],
                "result": refs[method.result],
            }
            for method in METHODS.values()
        },
        "x-errors": {
            key: {"code": error.code, "retryable": error.retryable}
            for key, error in sorted(ERRORS.items())
        },
        "x-start": {
            "bootstrap": refs[bridge.Bootstrap],
            "failed": refs[bridge.FailedLine],
            "ready": refs[bridge.ReadyLine],
        },
        "x-hello": {"params": refs[bridge.Hello], "result": refs[bridge.HelloResult]},
        "x-error": refs[ErrorBody],
        "x-notifications": {
            "client": {name: refs[struct] for name, struct in FROM_CLIENT.items()},
            "server": {name: refs[struct] for name, struct in FROM_SERVER.items()},
        },
    }


def _event(name: str, payload: Schema) -> Schema:
    return {
        "allOf": [{"$ref": f"#/$defs/{ENVELOPE}"}],
        "properties": {"type": {"const": name}, "payload": payload},
    }
