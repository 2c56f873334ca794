/** Bounds and deadlines of this package beyond the contract's, each with its unit and reason. */

import { LIMITS } from "./generated/contract.js";

/** What a chunk's envelope may add to its data. */
export const CHUNK_OVERHEAD_BYTES = 128;

/** What one queued event costs beside its body: its array, its seq, its place in the queue. */
export const EVENT_OVERHEAD_BYTES = 64;

/** Bytes that may wait in the socket for a server that does not read. */
export const SOCKET_BUFFER_BYTES = 2 * LIMITS.TRANSFER_BYTES;

/** From the start of a connection until hello is answered (PROTOCOL §3 grants 10 s for hello). */
export const CONNECT_DEADLINE_MS = 10_000;

/** How long `connectSidecar` tries before it gives up. */
export const FIRST_CONNECT_DEADLINE_MS = 15_000;

/** How long a closing handshake may take before the socket is destroyed. */
export const CLOSE_DEADLINE_MS = 1_000;

/** A machine slept when wall and monotonic time moved apart by more than this. */
export const SLEEP_JUMP_MS = 2_000;

/** First wait before a reconnect: below what a person notices. */
export const RECONNECT_FIRST_MS = 50;

/** Longest wait before a reconnect. */
export const RECONNECT_MAX_MS = 5_000;

/** An ack waits this long for more commits, so that a fast stream costs few acks. */
export const ACK_DELAY_MS = 25;

/** A cursor store that takes longer than this is reported; one that failed is asked again after. */
export const CURSOR_SAVE_DEADLINE_MS = 10_000;
export const CURSOR_RETRY_MS = 1_000;

/** A request's own deadline beyond the method's on the server, for the way there and back. */
export const REQUEST_MARGIN_MS = 5_000;

/** One line of the sidecar's stdout or stderr; the rest of a longer one is cut off. */
export const LINE_CHARS = 64 * 1024;

/** What of the last stderr an error carries. */
export const STDERR_TAIL_CHARS = 8_000;

/** Adjacent text of one item is joined over one display frame: nobody sees more often. */
export const COALESCE_MS = 16;

/** From spawn to the ready line: the sidecar itself waits 10 s for a predecessor's lock, and then
 * recovers its journal. */
export const READY_DEADLINE_MS = 30_000;

/** Rungs of stopping: the answer to sidecar.shutdown, the exit after stdin's end, after a kill. */
export const SHUTDOWN_DEADLINE_MS = 15_000;
export const EXIT_DEADLINE_MS = 10_000;
export const KILL_DEADLINE_MS = 5_000;

/** From a `failed` line to the exit that must follow it. */
export const FAILED_EXIT_MS = 2_000;

/** From an exit to the end of its pipes, which whatever outlived it may hold. */
export const PIPE_DRAIN_MS = 300;

/** A launched sidecar that dies is started again: first wait, longest wait (pebble's figures). */
export const RELAUNCH_FIRST_MS = 500;
export const RELAUNCH_MAX_MS = 30_000;

/** Restart intensity: so many deaths in so many milliseconds, then it stays down (VS Code's
 * extension host). */
export const RELAUNCH_MAX = 3;
export const RELAUNCH_WINDOW_MS = 300_000;
