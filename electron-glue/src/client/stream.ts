/**
 * The async iterable over a feed: one consumer, one wait at a time.
 *
 * Owns the wait and the end. What is queued when the end comes is still delivered; then iteration
 * is done, or throws the error that ended the client, once.
 */

import type { SidecarError } from "../errors.js";
import type { Feed } from "./feed.js";
import type { StreamItem } from "./items.js";

type Result = IteratorResult<StreamItem, undefined>;

interface Waiter {
  readonly resolve: (result: Result) => void;
  readonly reject: (why: SidecarError) => void;
}

const DONE: Result = { done: true, value: undefined };

export class EventStream {
  readonly #feed: Feed;
  #waiter: Waiter | null = null;
  #consumer: symbol | null = null;
  #end: { why: SidecarError | null } | null = null;

  constructor(feed: Feed) {
    this.#feed = feed;
  }

  /**
   * Begin to iterate. Throws when somebody else iterates: two consumers would each see half.
   *
   * Leaving the loop (`break`, an exception) frees the stream; a next loop goes on behind the last
   * item. That item itself is committed when the next one is asked for.
   */
  iterate(): AsyncIterableIterator<StreamItem> {
    if (this.#consumer !== null) {
      throw new TypeError("events() is being iterated already: there is one consumer at a time");
    }
    const me = Symbol("consumer");
    this.#consumer = me;
    const iterator: AsyncIterableIterator<StreamItem> = {
      next: () => this.#next(me),
      return: () => {
        this.#leave(me);
        return Promise.resolve(DONE);
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /** Something was queued. */
  wake(): void {
    const waiter = this.#waiter;
    if (waiter === null) return;
    const item = this.#feed.take();
    if (item === null) return;
    this.#waiter = null;
    waiter.resolve({ done: false, value: item });
  }

  /** Nothing will be queued any more. */
  finish(why: SidecarError | null): void {
    if (this.#end !== null) return;
    this.#end = { why };
    const waiter = this.#waiter;
    this.#waiter = null;
    if (waiter !== null) this.#finished().then(waiter.resolve, waiter.reject);
  }

  #next(me: symbol): Promise<Result> {
    if (this.#consumer !== me) return Promise.resolve(DONE);
    if (this.#waiter !== null) {
      return Promise.reject(new TypeError("next() was called before the last one had settled"));
    }
    const item = this.#feed.take();
    if (item !== null) return Promise.resolve({ done: false, value: item });
    if (this.#end !== null) return this.#finished();
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  /** The end is told once; who asks again is done. */
  #finished(): Promise<Result> {
    const why = this.#end?.why ?? null;
    this.#end = { why: null };
    return why === null ? Promise.resolve(DONE) : Promise.reject(why);
  }

  #leave(me: symbol): void {
    if (this.#consumer !== me) return;
    this.#consumer = null;
    const waiter = this.#waiter;
    this.#waiter = null;
    waiter?.resolve(DONE);
  }
}
