/** Restart intensity: how many deaths in how long are mended. Pure. */

export class Intensity {
  readonly #max: number;
  readonly #windowMs: number;
  #deathsMs: number[] = [];

  constructor(max: number, windowMs: number) {
    this.#max = max;
    this.#windowMs = windowMs;
  }

  /** A death at `nowMs`. Returns how many came before it in the window, null when it is too many. */
  died(nowMs: number): number | null {
    this.#deathsMs = this.#deathsMs.filter((atMs) => nowMs - atMs < this.#windowMs);
    this.#deathsMs.push(nowMs);
    return this.#deathsMs.length > this.#max ? null : this.#deathsMs.length - 1;
  }
}
