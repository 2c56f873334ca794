/**
 * Typed listeners. A listener that throws breaks neither its siblings nor the caller: the error
 * surfaces as an uncaught exception of its own, as it does for an EventTarget.
 */

export class Listeners<Events extends object> {
  readonly #byName = new Map<keyof Events, Set<(value: never) => void>>();

  /** Listen to `name`. Returns what takes the listener off. */
  on<N extends keyof Events>(name: N, listener: (value: Events[N]) => void): () => void {
    const set = this.#byName.get(name) ?? new Set();
    this.#byName.set(name, set);
    set.add(listener);
    return () => {
      set.delete(listener);
    };
  }

  emit<N extends keyof Events>(name: N, value: Events[N]): void {
    for (const listener of [...(this.#byName.get(name) ?? [])]) {
      try {
        (listener as (value: Events[N]) => void)(value);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
