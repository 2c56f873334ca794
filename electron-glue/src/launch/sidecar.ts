/**
 * A launched sidecar: the process, the client on it, and the life of both.
 *
 * Owns start, relaunch after a death, and stop. The client keeps its cursor over a relaunch, so
 * its stream goes on with no event lost or doubled.
 */

import { backoffMs } from "../client/backoff.js";
import type { SidecarClient } from "../client/client.js";
import { firstWelcome, makeClient } from "../client/connect.js";
import { systemClock, type Clock } from "../clock.js";
import type { ReadyLine } from "../generated/contract.js";
import { HandshakeRefused, LaunchFailed, Replaced, SidecarError } from "../errors.js";
import { newToken } from "../handshake.js";
import {
  COALESCE_MS,
  EXIT_DEADLINE_MS,
  READY_DEADLINE_MS,
  RELAUNCH_FIRST_MS,
  RELAUNCH_MAX,
  RELAUNCH_MAX_MS,
  RELAUNCH_WINDOW_MS,
  SHUTDOWN_DEADLINE_MS,
} from "../limits.js";
import { Listeners } from "../listeners.js";
import { ClientLog, words } from "../log/log.js";
import { Machine } from "../machine.js";
import { findBinary } from "./binary.js";
import { Intensity } from "./intensity.js";
import type { LaunchOptions, SidecarEvents, StopReport } from "./options.js";
import { SidecarProcess, type RunSpec } from "./process.js";

/** `down`: it died and waits for its next start; `failed`: it stays down. */
export type SidecarState = "starting" | "running" | "down" | "failed" | "stopping" | "stopped";

type Move = "ready" | "die" | "retry" | "giveUp" | "stop" | "exit";

const TRANSITIONS: Record<SidecarState, Partial<Record<Move, SidecarState>>> = {
  starting: { ready: "running", die: "down", stop: "stopping" },
  running: { die: "down", stop: "stopping" },
  down: { retry: "starting", giveUp: "failed", stop: "stopping" },
  failed: { stop: "stopping" },
  stopping: { exit: "stopped" },
  stopped: {},
};

/**
 * Launch the sidecar and connect to it.
 *
 * Rejects with LaunchFailed when it does not become ready, and with the client's errors when it
 * cannot be connected to; no process is left behind then.
 */
export async function launchSidecar(options: LaunchOptions = {}): Promise<Sidecar> {
  const binary = findBinary(options.binary);
  const log = new ClientLog(options.log, true);
  if (options.dataDir !== undefined) log.open(options.dataDir);
  const client = await makeClient(options, endsManagedClient, log);
  const sidecar = new Sidecar(binary, options, client, log);
  try {
    await sidecar.start();
    await firstWelcome(client, options);
    return sidecar;
  } catch (error) {
    log.write("error", "sidecar.not-launched", { why: words(error) });
    await sidecar.stop();
    throw error;
  }
}

/**
 * A stranger on the port of a sidecar that just died is no reason to end: the next sidecar has
 * another port and another token. But nobody goes back to the stranger (see #disown).
 */
function endsManagedClient(error: SidecarError): boolean {
  if (error instanceof HandshakeRefused) return error.reason === "protocol";
  return error instanceof Replaced;
}

export class Sidecar {
  /** One client for the sidecar's whole life, over every relaunch. */
  readonly client: SidecarClient;

  readonly #binary: string;
  readonly #options: LaunchOptions;
  readonly #clock: Clock;
  readonly #machine = new Machine<SidecarState, Move>(TRANSITIONS, "starting");
  readonly #listeners = new Listeners<SidecarEvents>();
  readonly #intensity: Intensity;
  readonly #log: ClientLog;
  #process: SidecarProcess | null = null;
  #ready: ReadyLine | null = null;
  #takeBackRetry: (() => void) | null = null;
  #stopping: Promise<StopReport> | null = null;

  /** Use `launchSidecar`. */
  constructor(
    binary: string,
    options: LaunchOptions,
    client: SidecarClient,
    log = new ClientLog(options.log),
  ) {
    this.#binary = binary;
    this.#log = log;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.client = client;
    this.#intensity = intensityOf(options.relaunch);
    client.on("connection", (notice) => {
      if (notice.state === "lost" && notice.error instanceof HandshakeRefused) this.#disown();
    });
  }

  get state(): SidecarState {
    return this.#machine.state;
  }

  /** What the last ready line said: pid, port, version, logId, epoch. */
  get ready(): ReadyLine {
    if (this.#ready === null)
      throw new LaunchFailed("The sidecar is not ready", { code: "exited" });
    return this.#ready;
  }

  on<N extends keyof SidecarEvents>(
    name: N,
    listener: (value: SidecarEvents[N]) => void,
  ): () => void {
    return this.#listeners.on(name, listener);
  }

  /** For `launchSidecar`: the first start. Rejects with LaunchFailed. */
  async start(): Promise<void> {
    const token = newToken();
    this.#log.write("info", "sidecar.launching", { binary: this.#binary });
    const run = this.#spawn(token);
    this.#process = run;
    const ready = await run.ready(this.#options.readyDeadlineMs ?? READY_DEADLINE_MS);
    if (!this.#machine.move("ready")) return;
    this.#ready = ready;
    if (ready.dataDir !== undefined) this.#log.open(ready.dataDir);
    const { version, instance, logId, epoch } = ready;
    const facts = { sidecarPid: ready.pid, version, instance, logId, epoch };
    this.#log.write("info", "sidecar.ready", facts);
    this.client.retarget({ url: ready.url, token });
    this.#listeners.emit("ready", ready);
    void run.exit.then((exit) => {
      if (this.#process !== run || !this.#machine.is("running")) return;
      const { exitCode, exitSignal } = exit;
      this.#log.write("error", "sidecar.died", { sidecarPid: ready.pid, exitCode, exitSignal });
      this.#listeners.emit("died", exit);
      const how = exit.exitSignal ?? `code ${exit.exitCode ?? "unknown"}`;
      this.#died(new LaunchFailed(`The sidecar died with ${how}`, { code: "exited", ...exit }));
    });
  }

  /**
   * Stop it: `sidecar.shutdown`, then the end of stdin, then a kill, each with its deadline; then
   * the client is closed. Never rejects; asked again, it tells of the same stop.
   */
  stop(): Promise<StopReport> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  #spawn(token: string): SidecarProcess {
    const { binaryArgs, env, cwd, dataDir, settings, onStderr } = this.#options;
    const spec: RunSpec = {
      binary: this.#binary,
      args: binaryArgs ?? [],
      env: { ...process.env, ...env },
      cwd,
      bootstrap: {
        token,
        parentPid: process.pid,
        dataDir,
        settings: { coalesceMs: COALESCE_MS, ...settings },
      },
      onStderr: onStderr ?? (() => undefined),
    };
    try {
      return new SidecarProcess(spec, this.#clock);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new LaunchFailed(`The sidecar's binary could not be started: ${why}`, {
        code: "spawn",
        cause,
      });
    }
  }

  /** Another listens on its port: then it is dying, or of no use. Its exit brings the next one. */
  #disown(): void {
    this.client.retarget(null);
    void this.#process?.kill();
  }

  /** It died, or a relaunch failed: wait and try again, unless that was too often. */
  #died(why: LaunchFailed): void {
    if (!this.#machine.move("die")) return;
    this.client.retarget(null);
    const before =
      this.#options.relaunch === false ? null : this.#intensity.died(this.#clock.monoMs());
    if (before === null) {
      this.#giveUp(why);
      return;
    }
    const random = this.#options.random ?? Math.random;
    const waitMs = backoffMs(before, RELAUNCH_FIRST_MS, RELAUNCH_MAX_MS, random);
    const { code } = why.failure;
    const restart = { deaths: before + 1, waitMs: Math.round(waitMs), code };
    this.#log.write("warning", "sidecar.restarting", restart);
    this.#takeBackRetry = this.#clock.after(waitMs, () => {
      void this.#relaunch();
    });
  }

  async #relaunch(): Promise<void> {
    if (!this.#machine.move("retry")) return;
    try {
      await this.start();
    } catch (error) {
      this.#died(asLaunchFailed(error));
    }
  }

  #giveUp(cause: LaunchFailed): void {
    this.#machine.move("giveUp");
    const failed = new LaunchFailed(`The sidecar stays down: ${cause.message}`, {
      ...cause.failure,
      code: "gave_up",
      cause,
    });
    this.#log.write("error", "sidecar.failed", { code: cause.failure.code, why: words(cause) });
    void this.client.end(failed);
    this.#listeners.emit("failed", failed);
  }

  async #stop(): Promise<StopReport> {
    this.#log.write("info", "sidecar.stopping");
    this.#machine.move("stop");
    this.#takeBackRetry?.();
    const run = this.#process;
    let forced = false;
    if (run !== null) {
      // Whoever takes over the port of a sidecar that goes down is not ours to greet.
      this.client.on("connection", ({ state }) => {
        if (state === "lost") this.client.retarget(null);
      });
      await this.#askToShutDown();
      if (!(await run.endStdin(this.#options.exitDeadlineMs ?? EXIT_DEADLINE_MS))) {
        forced = true;
        await run.kill();
      }
    }
    this.#log.write(forced ? "warning" : "info", "sidecar.stopped", { forced });
    await this.client.close();
    await this.#log.flush();
    this.#machine.move("exit");
    return { exit: run === null || forced ? null : await run.exit, forced };
  }

  async #askToShutDown(): Promise<void> {
    if (this.client.state !== "online") return;
    const asked = this.client.request("sidecar.shutdown", {}, { deadlineMs: SHUTDOWN_DEADLINE_MS });
    // Whatever it answers or not, the end of stdin is the next rung.
    await asked.catch(() => undefined);
  }
}

function intensityOf(relaunch: LaunchOptions["relaunch"]): Intensity {
  const { max, windowMs } = typeof relaunch === "object" ? relaunch : {};
  return new Intensity(max ?? RELAUNCH_MAX, windowMs ?? RELAUNCH_WINDOW_MS);
}

function asLaunchFailed(error: unknown): LaunchFailed {
  if (error instanceof LaunchFailed) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new LaunchFailed(message, { code: "spawn", cause: error });
}
