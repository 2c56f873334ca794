// Keeps account of a stream of events: what was lost, what came twice, judged by seq and by the
// identity of each delta. Pure.

// A delta of the demo agent's @@stream: its index, when it was written, and padding.
const DELTA = /(\d+) \d+ x+/g;

export class Ledger {
  events = 0;
  lost = 0;
  duplicated = 0;
  gaps = 0;
  malformed = 0;
  sessions = new Map();
  #lastSeq = null;

  /** Enter the next item of the stream. */
  enter(item) {
    if (item.kind === "snapshot") this.#lastSeq = item.at;
    if (item.kind === "gap") this.gaps += 1;
    if (item.kind === "malformed") this.malformed += 1;
    if (item.kind !== "event" && item.kind !== "malformed") return;
    this.#enterSeq(item.seq);
    if (item.kind === "event") this.#enterEvent(item.event);
  }

  session(threadId) {
    let session = this.sessions.get(threadId);
    if (session === undefined) {
      session = { generation: 0, states: [], exits: [], turns: new Map() };
      this.sessions.set(threadId, session);
    }
    return session;
  }

  /** Compare a turn's deltas with what was asked for: each index once, in order. */
  settleTurn(threadId, turnId, count) {
    const text = this.session(threadId).turns.get(turnId)?.text ?? "";
    const indexes = [...text.matchAll(DELTA)].map(([, index]) => Number(index));
    const seen = new Set(indexes);
    const missing = Array.from({ length: count }, (_, index) => index).filter((i) => !seen.has(i));
    this.lost += missing.length;
    this.duplicated += indexes.length - seen.size;
    const inOrder = indexes.every((index, place) => place === 0 || index > indexes[place - 1]);
    return { seen: seen.size, missing, inOrder };
  }

  #enterSeq(seq) {
    this.events += 1;
    if (this.#lastSeq !== null && seq <= this.#lastSeq) this.duplicated += 1;
    if (this.#lastSeq !== null && seq > this.#lastSeq + 1) this.lost += seq - this.#lastSeq - 1;
    this.#lastSeq = Math.max(seq, this.#lastSeq ?? 0);
  }

  #enterEvent(event) {
    const session = this.session(event.threadId);
    session.generation = event.generation;
    const turn = event.turnId === undefined ? null : this.#turn(session, event.turnId);
    const { payload } = event;
    switch (event.type) {
      case "session.state.changed":
        session.states.push({ generation: event.generation, state: payload.state });
        break;
      case "session.exited":
        session.exits.push({ generation: event.generation, kind: payload.exitKind });
        break;
      case "content.delta":
        if (turn !== null && payload.streamKind === "assistant_text") turn.text += payload.delta;
        break;
      case "turn.completed":
        if (turn !== null) turn.ends.push(payload.state);
        break;
    }
  }

  #turn(session, turnId) {
    let turn = session.turns.get(turnId);
    if (turn === undefined) {
      turn = { text: "", ends: [] };
      session.turns.set(turnId, turn);
    }
    return turn;
  }
}
