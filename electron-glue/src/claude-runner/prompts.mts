/** The prompts, as the SDK wants them: an async iterable that ends when stdin does. One consumer. */

import { PROMPTS, RunnerError, type Fields } from "./protocol.mjs";

type Result = IteratorResult<Fields, undefined>;

export class Prompts implements AsyncIterable<Fields> {
  readonly #bound: number;
  #queue: Fields[] = [];
  #waiter: ((result: Result) => void) | null = null;
  #ended = false;

  constructor(bound = PROMPTS) {
    this.#bound = bound;
  }

  /** Throws RunnerError `too_many`. */
  push(message: Fields): void {
    if (this.#ended) return;
    const waiter = this.#waiter;
    this.#waiter = null;
    if (waiter !== null) {
      waiter({ done: false, value: message });
      return;
    }
    if (this.#queue.length >= this.#bound) {
      throw new RunnerError("too_many", `${this.#bound} prompts wait for the SDK: one was dropped`);
    }
    this.#queue.push(message);
  }

  /** What is queued is still handed out. */
  end(): void {
    this.#ended = true;
    this.#waiter?.({ done: true, value: undefined });
    this.#waiter = null;
  }

  [Symbol.asyncIterator](): AsyncIterator<Fields, undefined> {
    return {
      next: () => this.#next(),
      return: () => {
        this.end();
        this.#queue = [];
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  #next(): Promise<Result> {
    const value = this.#queue.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#waiter = resolve;
    });
  }
}
