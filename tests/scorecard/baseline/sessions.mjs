// All sessions: the tree that they form, what is restarted with what, and the watchdogs' looks.

import { log } from "./log.mjs";
import { processes, treeBytes } from "./memory.mjs";
import { Intensity } from "./restart.mjs";
import { Session } from "./session.mjs";

const STALL_LOOK_MS = 250;
const MEMORY_LOOK_MS = 1_000;

export class Sessions {
  constructor(ring, cursors) {
    this.ring = ring;
    this.cursors = cursors;
    this.all = new Map(); // thread → session, in the order of their starts
    this.pending = new Map(); // session → how to give its restart up
    setInterval(() => this.watchStalls(), STALL_LOOK_MS).unref();
    setInterval(() => this.watchMemory(), MEMORY_LOOK_MS).unref();
  }

  get(thread) {
    const session = this.all.get(thread);
    if (!session) throw new Error(`there is no session ${thread}`);
    return session;
  }

  async open(plan) {
    const known = this.all.get(plan.thread);
    if (known && known.phase !== "stopped") throw new Error(`${plan.thread} is ${known.phase}`);
    if (plan.parent) this.get(plan.parent);
    const fell = (session) =>
      this.fell(session).catch((error) => log("error", error.stack, session.words));
    const session = known ?? new Session(plan, this.ring, this.cursors, fell);
    session.plan = plan;
    session.intensity = new Intensity(plan.restart ?? {});
    this.all.set(plan.thread, session);
    await session.begin();
    this.cursors.set(plan.thread, { plan, wanted: true });
  }

  /** Bring back what ran when the last process ended without a word, parents first. */
  async restore() {
    const plans = this.cursors.wanted().map(({ plan }) => plan);
    const known = new Set(plans.map(({ thread }) => thread));
    const restoreTree = async (plan) => {
      this.ring.say(plan.thread, "exited", { text: "the process that it ran in has ended" });
      await this.open(plan).catch((error) => log("warning", `${plan.thread}: ${error.message}`));
      await Promise.all(plans.filter(({ parent }) => parent === plan.thread).map(restoreTree));
    };
    await Promise.all(plans.filter(({ parent }) => !known.has(parent)).map(restoreTree));
  }

  /** Cancel the turns of a session and of all below it, children first. */
  interrupt(thread) {
    for (const child of this.children(thread).reverse()) this.interrupt(child.thread);
    this.get(thread).interrupt();
  }

  children(thread) {
    return [...this.all.values()].filter((session) => session.plan.parent === thread);
  }

  /** Stop a session for good, what is below it first. */
  async close(thread) {
    const session = this.get(thread);
    await Promise.all(this.children(thread).map((child) => this.close(child.thread)));
    this.giveUp(session);
    await session.stop();
    this.cursors.set(thread, { wanted: false });
    this.ring.say(thread, "stopped");
  }

  async closeAll() {
    const roots = [...this.all.values()].filter(({ plan }) => !this.all.has(plan.parent));
    await Promise.all(roots.map(({ thread }) => this.close(thread)));
  }

  giveUp(session) {
    this.pending.get(session)?.();
    this.pending.delete(session);
  }

  /** A generation has ended by itself: restart it, and what its parent's strategy says, or not. */
  async fell(session) {
    const delay = session.intensity.delay(performance.now() - session.began);
    if (delay === null) {
      session.say("gave-up");
      this.cursors.set(session.thread, { wanted: false });
      for (const child of this.children(session.thread).reverse()) await this.close(child.thread);
      return;
    }
    session.say("restarting", { delayMs: Math.round(delay) });
    log("info", "restarting", { ...session.words, delayMs: Math.round(delay) });
    const waited = new Promise((resolve) => {
      const timer = setTimeout(() => resolve(true), delay);
      this.pending.set(session, () => {
        clearTimeout(timer);
        resolve(false);
      });
    });
    const group = [session, ...this.mates(session)];
    const again = await this.suspend(group);
    if (!(await waited)) return;
    this.pending.delete(session);
    await this.resume([session, ...again]);
  }

  /** The siblings that go down with a session, by the strategy of their parent. */
  mates(session) {
    const parent = this.all.get(session.plan.parent);
    const strategy = parent?.plan.restart?.strategy ?? "one_for_one";
    if (!parent || strategy === "one_for_one") return [];
    const siblings = this.children(parent.thread);
    const from = strategy === "rest_for_one" ? siblings.indexOf(session) : 0;
    return siblings.slice(from).filter((sibling) => sibling !== session);
  }

  /** Stop those and what is below them, the newest first; return who ran. */
  async suspend(group) {
    const stopped = [];
    for (const session of [...group].reverse()) {
      stopped.push(...(await this.suspend(this.children(session.thread))));
      if (session.phase === "ready" || session.phase === "starting") {
        stopped.push(session);
        await session.stop();
      }
    }
    return stopped;
  }

  /** Start sessions in the order in which they were started first; a failure is a fall again. */
  async resume(sessions) {
    const order = [...this.all.values()];
    sessions.sort((one, other) => order.indexOf(one) - order.indexOf(other));
    for (const session of sessions) {
      if (session.phase !== "stopped") continue;
      await session.begin().catch((error) => log("warning", error.message, session.words));
    }
  }

  watchStalls() {
    const now = performance.now();
    for (const session of this.all.values()) session.watchStall(now);
  }

  watchMemory() {
    const budgeted = [...this.all.values()].filter(
      ({ plan, phase }) => plan.limits?.memoryHardBytes && phase === "ready",
    );
    if (budgeted.length === 0) return;
    const all = processes();
    for (const session of budgeted) {
      const bytes = treeBytes(all, session.child.pid);
      const limit = session.plan.limits.memoryHardBytes;
      if (bytes > limit) session.fail(`its processes have ${bytes} bytes, more than ${limit}`);
    }
  }
}
