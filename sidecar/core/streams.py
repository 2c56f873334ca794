"""Which item a stream of text belongs to, where nothing has said it. Pure."""

from typing import Final

from sidecar.contract.vocabulary import ItemType, StreamKind

ITEM_OF_STREAM: Final[dict[StreamKind, ItemType]] = {
    "assistant_text": "assistant_message",
    "reasoning_text": "reasoning",
    "reasoning_summary_text": "reasoning",
    "plan_text": "plan",
    "command_output": "command_execution",
    "file_change_output": "file_change",
    "unknown": "unknown",
}
