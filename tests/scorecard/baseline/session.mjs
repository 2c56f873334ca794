// One session: its generations one after the other, its turn, its open requests.

import { AsyncLocalStorage } from "node:async_hooks";
import { Acp } from "./acp.mjs";
import { Child } from "./child.mjs";
import { poison } from "./defects.mjs";
import { log } from "./log.mjs";

const START_MS = 60_000;
const CANCEL_MS = 10_000;

/** Whose code runs: what it begins and does not await has the same, also when it fails. */
export const running = new AsyncLocalStorage();

export class Session {
  /** `fell(session)` is called when a generation has ended and nobody asked for it. */
  constructor(plan, ring, cursors, fell) {
    this.plan = plan;
    this.thread = plan.thread;
    this.ring = ring;
    this.cursors = cursors;
    this.fell = fell;
    this.phase = "stopped";
    this.generation = 0;
    this.turns = 0;
    this.turn = null;
    this.sessionId = cursors.get(plan.thread);
    this.requests = new Map(); // id → {rpcId, options}
    this.stopping = null; // {promise, resolve} while a stop is under way
    this.began = 0;
    this.heardAt = 0;
  }

  /** The words by which its log lines are found. */
  get words() {
    const turn = this.turn ? `/${this.turn}` : "";
    return { thread: this.thread, correlation: `${this.thread}/${this.generation}${turn}` };
  }

  say(kind, words) {
    this.ring.say(this.thread, kind, { generation: this.generation, ...words });
  }

  /** Start a generation; resolves when the agent is ready. The conversation goes on, if any. */
  async begin() {
    this.generation += 1;
    this.phase = "starting";
    this.began = performance.now();
    this.loading = this.sessionId !== null;
    const hoard = []; // of this generation, as in ours
    const words = () => this.words;
    const mark = { home: this.cursors.home, thread: this.thread };
    const child = new Child(this.plan.agent, mark, words, {
      line: (line) => running.run({ session: this, child }, () => this.acp.take(line)),
      ended: (reason) => {
        this.ring.sources.delete(child);
        this.ended(reason);
      },
    });
    this.child = child;
    this.ring.join(child);
    log("info", "started", { ...this.words, pid: this.child.pid, argv: this.plan.agent });
    this.acp = new Acp(this.child, words, {
      update: (update) => this.update(update),
      poison: (params) => this.plan.faulty && poison(params, hoard),
      permission: (id, params) => this.asked(id, params),
    });
    try {
      await this.shakeHands();
    } catch (error) {
      child.kill(error.message);
      throw error;
    }
    if (this.phase !== "starting" || this.child !== child) throw new Error("was stopped");
    this.phase = "ready";
    this.say("ready");
  }

  async shakeHands() {
    const deadline = this.plan.limits?.startMs ?? START_MS;
    const common = { cwd: process.cwd(), mcpServers: [] };
    const hello = { protocolVersion: 1, clientCapabilities: {} };
    const { agentCapabilities } = await this.acp.request("initialize", hello, deadline);
    if (this.sessionId !== null && agentCapabilities?.loadSession) {
      const params = { ...common, sessionId: this.sessionId };
      await this.acp.request("session/load", params, deadline);
    } else {
      this.sessionId = (await this.acp.request("session/new", common, deadline)).sessionId;
      this.cursors.set(this.thread, { sessionId: this.sessionId });
    }
    this.loading = false; // what came until now was the history
  }

  /** Begin a turn. */
  send(text) {
    if (this.phase !== "ready") throw new Error(`${this.thread} is ${this.phase}`);
    if (this.turn !== null) throw new Error(`${this.turn} is still running`);
    const turn = `turn-${++this.turns}`;
    this.turn = turn;
    this.heardAt = performance.now();
    this.say("turn-started", { text: turn });
    const prompt = { sessionId: this.sessionId, prompt: [{ type: "text", text }] };
    this.acp.request("session/prompt", prompt, 0).then(
      ({ stopReason }) =>
        this.endTurn(turn, stopReason === "cancelled" ? "interrupted" : "completed"),
      (error) => this.endTurn(turn, "failed", error.message),
    );
  }

  interrupt() {
    if (this.turn === null) return;
    const { turn } = this;
    this.acp.notify("session/cancel", { sessionId: this.sessionId });
    this.withdraw();
    setTimeout(() => this.endTurn(turn, "interrupted"), CANCEL_MS).unref();
  }

  endTurn(turn, state, error) {
    if (turn === null || this.turn !== turn) return;
    this.withdraw();
    this.turn = null;
    this.say("turn-ended", { text: state, error });
  }

  update(update) {
    this.heardAt = performance.now();
    if (this.loading) return;
    if (update.sessionUpdate === "agent_message_chunk") {
      this.say("text", { text: update.content.text });
    }
  }

  asked(rpcId, { options }) {
    const id = `request-${this.generation}-${rpcId}`;
    this.requests.set(id, { rpcId, options });
    this.say("request", { text: id });
  }

  /** Allow what a request asks for. */
  answer(id) {
    const request = this.requests.get(id);
    if (!request) throw new Error(`there is no open request ${id}`);
    this.requests.delete(id);
    const { optionId } = request.options.find((option) => option.kind.startsWith("allow"));
    this.acp.answer(request.rpcId, { outcome: { outcome: "selected", optionId } });
    this.heardAt = performance.now();
    this.say("resolved", { text: id });
  }

  /** Cancel all open requests: nobody can answer them any more. */
  withdraw() {
    for (const [id, { rpcId }] of this.requests) {
      this.requests.delete(id);
      this.acp.answer(rpcId, { outcome: { outcome: "cancelled" } });
      this.say("resolved", { text: id });
    }
  }

  /** Stop; resolves when its process is gone. A pending restart is for its owner to give up. */
  stop() {
    if (this.phase === "stopped") return Promise.resolve();
    if (this.stopping === null) {
      this.stopping = deferred();
      this.phase = "stopping";
      if (this.turn) this.acp.notify("session/cancel", { sessionId: this.sessionId });
      this.withdraw();
      this.child.stop();
    }
    return this.stopping.promise;
  }

  /** End the running generation as failed. */
  fail(reason) {
    log("warning", reason, this.words);
    this.child.kill(reason);
  }

  /** Its own code has failed, where nobody waited for it: what it has in hand is worth nothing. */
  failed(child, error) {
    log("error", "an unhandled rejection", { ...this.words, stack: error?.stack ?? String(error) });
    if (child === this.child) this.fail(`its code has failed: ${error?.message ?? error}`);
  }

  ended(reason) {
    const tail = this.child.tail.slice(-3).join("\n");
    log("info", `the provider ${reason}`, { ...this.words, pid: this.child.pid });
    this.endTurn(this.turn, this.stopping ? "interrupted" : "failed", reason);
    this.withdraw();
    this.acp.close(`the agent ${reason}`);
    const starting = this.phase === "starting" && this.generation === 1;
    const { stopping } = this;
    this.phase = "stopped";
    this.stopping = null;
    this.say("exited", { text: reason, stderr: tail });
    if (stopping) stopping.resolve();
    else if (!starting) this.fell(this);
  }

  /** Look whether the turn makes progress; a person who is asked may take their time. */
  watchStall(now) {
    const { stallMs } = this.plan.limits ?? {};
    if (!stallMs || this.turn === null || this.requests.size > 0) return;
    if (now - this.heardAt > stallMs) this.fail(`the turn has stalled for ${stallMs} ms`);
  }
}

function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve) => {
    parts.resolve = resolve;
  });
  return parts;
}
