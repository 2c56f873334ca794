/**
 * The one state machine of this package: a table of allowed moves, and where a lifetime stands.
 *
 * Every (state, event) pair is decided: a pair that the table does not name leaves the state as it
 * is and `move` says so by returning false. Never runs effects; its owner does, after the move.
 */

export type Transitions<S extends string, E extends string> = Readonly<
  Record<S, Readonly<Partial<Record<E, S>>>>
>;

export class Machine<S extends string, E extends string> {
  #state: S;
  readonly #table: Transitions<S, E>;

  constructor(table: Transitions<S, E>, initial: S) {
    this.#table = table;
    this.#state = initial;
  }

  get state(): S {
    return this.#state;
  }

  /** Move along `event`. Returns whether the table has such a move. */
  move(event: E): boolean {
    const next = this.#table[this.#state][event];
    if (next === undefined) return false;
    this.#state = next;
    return true;
  }

  is(...states: S[]): boolean {
    return states.includes(this.#state);
  }
}
