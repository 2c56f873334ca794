"""From Cursor's extensions of ACP to drafts. Pure."""

from sidecar.providers.cursor.mapping.extension import CursorExtension

__all__ = ["CursorExtension"]
