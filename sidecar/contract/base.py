"""Building blocks of every wire type: the Struct base, the string kinds, the id types.

Owns how a Python name becomes a wire name (camelCase) and what an empty value means on the wire
(absent and nil are the same, so defaults are left out). Never knows an event or a method.
"""

from typing import Annotated, Any, NewType

import msgspec

MAX_INT = 2**53 - 1
"""Largest integer on the wire: what a JavaScript number holds exactly (PROTOCOL §2)."""

NON_BLANK = r"[^\s\ufeff]"
NonBlank = Annotated[str, msgspec.Meta(min_length=1, pattern=NON_BLANK)]
"""A string that a host app's trimming decoder accepts (EVENTS: "trimmed non-empty").

U+FEFF is blank too: JavaScript trims it, Python does not."""

Name = Annotated[str, msgspec.Meta(min_length=1)]
"""An id or type that our own code made: checked for presence alone, as it is on the hot path."""

Chunk = Annotated[str, msgspec.Meta(min_length=1)]
"""A piece of streamed text: may be blank, never empty."""

Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_INT)]
"""A non-negative integer: sequence numbers, bytes, milliseconds, tokens."""

Positive = Annotated[int, msgspec.Meta(ge=1, le=MAX_INT)]

Slug = Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z][a-zA-Z0-9_-]{0,63}$")]
"""A provider's or provider instance's name."""

Json = Any
"""A value that MessagePack and JSON both carry: None, bool, int, float, str, list, map of str."""

ThreadId = NewType("ThreadId", str)
TurnId = NewType("TurnId", str)
ItemId = NewType("ItemId", str)
RequestId = NewType("RequestId", str)
TaskId = NewType("TaskId", str)


class Wire(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Base of everything that crosses the bridge: frozen, camelCase, unknown keys ignored."""
