/** A client's place in the journal, and where an app may keep it over its own restarts. */

/** The last seq taken, and where that number is valid (PROTOCOL §3). */
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

export function cursorOf({ logId, epoch, seq }: Cursor): Cursor {
  return { logId, epoch, seq };
}
