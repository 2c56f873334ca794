/** A client's place in the journal, and where an app may keep it over its own restarts. */

import { SidecarError } from "../errors.js";

/**
 * The last seq taken, and where that number is valid (PROTOCOL §3). Only the three together are a
 * place: after a loss of power another epoch of the same log may have given the same seq again.
 */
export interface Cursor {
  readonly logId: string;
  readonly epoch: number;
  readonly seq: number;
}

/**
 * Where the app keeps the committed cursor, best in one transaction with what it made of the
 * events. `save` is never called again before the last call has settled.
 */
export interface CursorStore {
  load(): Promise<Cursor | null> | Cursor | null;
  save(cursor: Cursor): Promise<void> | void;
}

/**
 * A cursor and the line it belongs to. A snapshot starts a new line: seqs of two lines must not be
 * compared, as a journal that lost its tail gives numbers out again.
 */
export interface Position extends Cursor {
  readonly line: number;
}

/** What an app kept, as it gave it back. Throws SidecarError `bad_cursor`. */
export function readCursor(value: unknown): Cursor | null {
  if (value === null || value === undefined) return null;
  const { logId, epoch, seq } = value as Partial<Record<keyof Cursor, unknown>>;
  if (typeof logId === "string" && isCount(epoch) && isCount(seq)) return { logId, epoch, seq };
  throw new SidecarError(
    "The stored cursor is none: it has to have logId, epoch and seq, as they were given to save()",
    { key: "bad_cursor" },
  );
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function cursorOf({ logId, epoch, seq }: Cursor): Cursor {
  return { logId, epoch, seq };
}
