// The Agent Client Protocol over a child's stdio: requests with deadlines, and what the agent asks.

import { log } from "./log.mjs";

export class Acp {
  /** `on`: update(update), poison(params), permission(id, params). */
  constructor(child, words, on) {
    this.child = child;
    this.words = words;
    this.on = on;
    this.next = 1;
    this.waiting = new Map();
  }

  /** Send a request; resolves to its result. `deadlineMs` 0: as long as it takes. */
  request(method, params, deadlineMs) {
    const id = this.next++;
    return new Promise((resolve, reject) => {
      const timer = deadlineMs
        ? setTimeout(() => {
            this.waiting.delete(id);
            reject(new Error(`the agent did not answer ${method} in ${deadlineMs} ms`));
          }, deadlineMs)
        : null;
      this.waiting.set(id, { resolve, reject, timer });
      this.child.write({ id, method, params });
    });
  }

  notify(method, params) {
    this.child.write({ method, params });
  }

  answer(id, result) {
    this.child.write({ id, result });
  }

  /** Take a line of the agent. One that cannot be understood is logged and dropped. */
  take(line) {
    try {
      this.dispatch(JSON.parse(line));
    } catch (error) {
      log("warning", `a line of the agent: ${error.message}`, this.words());
    }
  }

  dispatch(message) {
    if (typeof message !== "object" || message === null) throw new Error("is no message");
    const { id, method, params } = message;
    if (method === undefined) this.settle(message);
    else if (method === "session/update") this.on.update(params.update);
    else if (method === "_scorecard/poison") this.on.poison(params);
    else if (method === "session/request_permission") this.on.permission(id, params);
    else if (id !== undefined) {
      this.child.write({ id, error: { code: -32601, message: `Method not found: ${method}` } });
    }
  }

  settle({ id, error, result }) {
    const call = this.waiting.get(id);
    if (!call) return;
    this.waiting.delete(id);
    clearTimeout(call.timer);
    if (error) call.reject(new Error(error.message));
    else call.resolve(result ?? {});
  }

  /** Fail whatever waits: the agent is gone. */
  close(reason) {
    for (const call of this.waiting.values()) {
      clearTimeout(call.timer);
      call.reject(new Error(reason));
    }
    this.waiting.clear();
  }
}
