"""Every bound and deadline that is part of the contract, each with its unit and its reason."""

MIB = 1024 * 1024

PROTOCOL_VERSION = 1
"""The bridge protocol that this build speaks (PROTOCOL §3 negotiates)."""

MESSAGE_BYTES = 1 * MIB
"""Largest WebSocket message before it is cut into chunks (PROTOCOL §2)."""

TRANSFER_BYTES = 64 * MIB
"""Largest value after the chunks are joined (PROTOCOL §2)."""

CHUNK_BYTES = 512 * 1024
"""Data in one chunk: half a message, so that control messages are never long behind one."""

CREDIT_BYTES = 4 * MIB
"""Unacked event bytes that a client may have under way unless its hello says otherwise."""

CREDIT_MIN_BYTES = 64 * 1024
"""Smallest window: a lower one would make each event wait for an ack."""

OPEN_REQUESTS = 256
"""Requests a connection may have open; one more is `overloaded`."""

CONNECTIONS_BEFORE_HELLO = 8
"""Connections that may stand without hello: strangers cost a bounded amount."""

HEARTBEAT_MS = 5_000
"""Between two heartbeats of a side."""
SILENCE_INTERVALS = 3
"""Heartbeat intervals without any message before a side is judged silent (4408)."""

HELLO_DEADLINE_S = 10.0
"""From the upgrade until hello must have come."""

IDEMPOTENCY_S = 600.0
"""How long the answer to an idempotency key is kept (PROTOCOL §5)."""

START_DEADLINE_S = 60.0
"""Launch to ready when the client sets no `limits.startMs`: cold Node CLIs on a busy laptop."""

ACTIVE_TEXT_BYTES = 256 * 1024
"""Text of a running turn that a snapshot carries a session (PROTOCOL §4)."""

THREAD_ID_CHARS = 256
"""A threadId at start: every event of the session, and each line of its log, carries it."""

INPUT_CHARS = 120_000
"""Characters of one turn's input, as the host app bounds them (EVENTS, adapter)."""
ATTACHMENTS = 8
"""Attachments of one turn (EVENTS, adapter)."""
ATTACHMENT_BYTES = 10 * MIB
"""One attachment (EVENTS, adapter)."""
ATTACHMENTS_TOTAL_BYTES = 40 * MIB
"""All attachments of one turn: they cross the bridge in one transfer."""

STDERR_TAIL_CHARS = 4_000
"""What of a provider's or host's last stderr an exit carries."""

HOST_CREDIT_BYTES = 64 * 1024
"""Unacked event bytes between one host and the supervisor."""

HOST_CREDIT_TOTAL_BYTES = 16 * MIB
"""The same over all hosts: a host gets min(HOST_CREDIT_BYTES, this / hosts)."""

FRAME_BYTES = TRANSFER_BYTES
"""Largest frame on a host's channel; a longer one is a protocol violation."""

MERGE_BYTES = 64 * 1024
"""Largest text that adjacent deltas are merged to."""
