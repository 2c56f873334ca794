/**
 * From commit to ack: the store first, then the server.
 *
 * Owns the order (a cursor is acked once it is stored), one save at a time with the latest cursor,
 * and how many acks a fast stream costs. Never decides what is committed.
 */

import type { Clock } from "../clock.js";
import { DeadlineExceeded, SidecarError } from "../errors.js";
import { ACK_DELAY_MS, CURSOR_RETRY_MS, CURSOR_SAVE_DEADLINE_MS } from "../limits.js";
import { cursorOf, type CursorStore, type Position } from "./cursor.js";

export interface CommitterOptions {
  readonly store: CursorStore | null;
  readonly clock: Clock;
  readonly ack: (position: Position) => void;
  readonly warn: (error: SidecarError) => void;
}

export class Committer {
  readonly #options: CommitterOptions;
  #committed: Position | null = null;
  #stored: Position | null = null;
  #acked: Position | null = null;
  #saving: Promise<void> | null = null;
  #cancelAck: (() => void) | null = null;
  #cancelRetry: (() => void) | null = null;
  #closing = false;

  constructor(options: CommitterOptions) {
    this.#options = options;
  }

  /** A new commit. `urgent`: the server is close to stopping for want of an ack. */
  commit(position: Position, urgent: boolean): void {
    this.#committed = position;
    if (this.#options.store === null) {
      this.#stored = position;
      this.#scheduleAck(urgent);
    } else {
      this.#saveNext();
    }
  }

  /** Store and ack what is committed. Settles within the save's deadline; never rejects. */
  async flush(): Promise<void> {
    this.#cancelRetry?.();
    this.#cancelRetry = null;
    this.#saveNext();
    this.#closing = true;
    while (this.#saving !== null && !(await this.#savedInTime(this.#saving)));
    this.#ackNow();
  }

  async #savedInTime(saving: Promise<void>): Promise<boolean> {
    let takeBack = (): void => undefined;
    const late = new Promise<boolean>((resolve) => {
      takeBack = this.#options.clock.after(CURSOR_SAVE_DEADLINE_MS, () => {
        resolve(true);
      });
    });
    const gaveUp = await Promise.race([saving.then(() => false), late]);
    takeBack();
    return gaveUp || this.#saving === null;
  }

  /** While closing only what the save under way made wait: a failed one is not asked again. */
  #saveNext(): void {
    const { store } = this.#options;
    const position = this.#committed;
    if (store === null || position === null || position === this.#stored) return;
    if (this.#saving !== null || this.#cancelRetry !== null) return;
    this.#saving = this.#save(store, position).finally(() => {
      this.#saving = null;
      this.#saveNext();
    });
  }

  /** Never rejects: a store that fails is reported and asked again. */
  async #save(store: CursorStore, position: Position): Promise<void> {
    const { clock, warn } = this.#options;
    const takeBack = clock.after(CURSOR_SAVE_DEADLINE_MS, () => {
      warn(new DeadlineExceeded("Saving the cursor", CURSOR_SAVE_DEADLINE_MS));
    });
    try {
      await store.save(cursorOf(position));
      this.#stored = position;
      this.#scheduleAck(this.#closing);
    } catch (cause) {
      warn(
        new SidecarError("The cursor was not saved: the cursor store failed", {
          key: "cursor_store",
          retryable: true,
          cause,
        }),
      );
      if (this.#closing) return;
      this.#cancelRetry = clock.after(CURSOR_RETRY_MS, () => {
        this.#cancelRetry = null;
        this.#saveNext();
      });
    } finally {
      takeBack();
    }
  }

  #scheduleAck(urgent: boolean): void {
    if (urgent) {
      this.#ackNow();
      return;
    }
    this.#cancelAck ??= this.#options.clock.after(ACK_DELAY_MS, () => {
      this.#ackNow();
    });
  }

  #ackNow(): void {
    this.#cancelAck?.();
    this.#cancelAck = null;
    if (this.#stored === null || this.#stored === this.#acked) return;
    this.#acked = this.#stored;
    this.#options.ack(this.#stored);
  }
}
