/**
 * One query of the Agent SDK between stdin and stdout.
 *
 * Owns the life of the query: begun by initialize, ended by the end of stdin, a signal, or its own end.
 * Never touches the process: main does.
 */

import { Approvals } from "./approvals.mjs";
import { Children } from "./child.mjs";
import { carryOut } from "./controls.mjs";
import { LineReader, type Line } from "./lines.mjs";
import { Outlet } from "./outlet.mjs";
import { Prompts } from "./prompts.mjs";
import {
  CONTRACT,
  CONTROL_MS,
  CONTROLS,
  EOF_GRACE_MS,
  EXIT,
  FLUSH_MS,
  isFields,
  readLine,
  RunnerError,
  START_MS,
  TERM_GRACE_MS,
  textOf,
  type Fields,
  type Incoming,
} from "./protocol.mjs";
import { initialised, type CanUseTool, type LoadedSdk, type Query } from "./sdk.mjs";

export interface RunnerParts {
  readonly load: () => Promise<LoadedSdk>;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What this process alone needs of its environment. */
const OWN_VARIABLES = ["ELECTRON_RUN_AS_NODE", "ELECTRON_NO_ATTACH_CONSOLE"];
/** What JSON cannot carry, or what the runner itself is for. */
const OWN_OPTIONS = [
  "abortController",
  "canUseTool",
  "env",
  "hooks",
  "onElicitation",
  "onUserDialog",
  "permissionPromptToolName",
  "sessionStore",
  "spawnClaudeCodeProcess",
  "stderr",
  "supportedDialogKinds",
];

export class Runner {
  /** Settles with the exit code once everything that can be said was said. */
  readonly ended: Promise<number>;

  readonly #parts: RunnerParts;
  readonly #lines = new LineReader();
  readonly #prompts = new Prompts();
  readonly #abort = new AbortController();
  readonly #outlet: Outlet;
  readonly #approvals: Approvals;
  readonly #children: Children;
  #query: Promise<Query> | null = null;
  #controls = 0;
  #stdinEnded = false;
  #finishing = false;
  #settle: (code: number) => void = () => undefined;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#outlet = new Outlet(parts.stdout, () => {
      void this.finish(EXIT.failed, new RunnerError("unwritable", "Nobody reads stdout any more"));
    });
    this.#approvals = new Approvals(this.#outlet);
    this.#children = new Children(() => this.#outlet.room(), parts.stderr);
  }

  /** Bytes of stdin. */
  take(chunk: Buffer): void {
    for (const line of this.#lines.push(chunk)) this.#takeLine(line);
  }

  /** Stdin has ended: so has the session, within a deadline. */
  stdinEnded(): void {
    if (this.#stdinEnded) return;
    for (const line of this.#lines.end()) this.#takeLine(line);
    this.#stdinEnded = true;
    this.#prompts.end();
    if (this.#query === null) void this.finish(EXIT.ok);
    // Claude Code alone would finish its turn first, for as long as that takes.
    else setTimeout(() => void this.finish(EXIT.ok), EOF_GRACE_MS);
  }

  /** End now, with what is below; `why` is told on both pipes. */
  async finish(code: number, why?: unknown): Promise<void> {
    if (this.#finishing) return;
    this.#finishing = true;
    if (why !== undefined) {
      this.#parts.stderr.write(`claude-runner: ${textOf(why)}\n`);
      this.#outlet.complainOf(why);
    }
    this.#prompts.end();
    await this.#children.end();
    this.#abort.abort();
    await this.#outlet.flush(FLUSH_MS);
    this.#settle(code);
  }

  #takeLine(line: Line): void {
    try {
      if (line === null) throw new RunnerError("line_too_long", "A line of stdin was too long");
      this.#handle(readLine(line));
    } catch (error) {
      if (!(error instanceof RunnerError)) throw error;
      this.#parts.stderr.write(`claude-runner: ${error.message}\n`);
      this.#outlet.complainOf(error);
    }
  }

  #handle(incoming: Incoming): void {
    switch (incoming.is) {
      case "request":
        void this.#answer(incoming.id, incoming.request);
        break;
      case "response":
        this.#approvals.answered(incoming.id, incoming.answer, incoming.error);
        break;
      case "user":
        if (this.#query === null) throw new RunnerError("unexpected", "A prompt before initialize");
        this.#prompts.push(incoming.message);
        break;
      case "cancel":
      case "nothing":
        break;
    }
  }

  async #answer(id: string, request: Fields): Promise<void> {
    const starts = request["subtype"] === "initialize" && this.#query === null;
    this.#controls += 1;
    try {
      if (this.#controls > CONTROLS) {
        throw new RunnerError("too_many", `${CONTROLS} control requests are under way`);
      }
      const answer = starts ? this.#initialise(request) : this.#control(request);
      this.#outlet.answer(id, await within(starts ? START_MS : CONTROL_MS, answer));
    } catch (error) {
      this.#outlet.refuse(id, error);
      if (starts) void this.finish(EXIT.failed, error);
    } finally {
      this.#controls -= 1;
    }
  }

  async #control(request: Fields): Promise<Fields | undefined> {
    if (this.#query === null) throw new RunnerError("unexpected", "initialize has to come first");
    if (request["subtype"] === "initialize") {
      throw new RunnerError("unexpected", "initialize was said already");
    }
    return carryOut(await this.#query, request);
  }

  async #initialise(request: Fields): Promise<Fields> {
    const options = sessionOptions(request);
    const loading = this.#parts.load();
    this.#query = loading.then(({ sdk }) => {
      // The runner may have ended while the SDK was loaded: nothing is started behind its back.
      if (this.#finishing) throw new RunnerError("unexpected", "The runner has ended");
      return sdk.query({ prompt: this.#prompts, options: { ...options, ...this.#ownOptions() } });
    });
    // Who asks for it while it loads gets the failure too; nobody may have asked.
    this.#query.catch(() => undefined);
    const query = await this.#query;
    void this.#pump(query);
    const result = await initialised(query);
    return { ...result, runner: { contract: CONTRACT, sdk: (await loading).version } };
  }

  #ownOptions(): Fields {
    const canUseTool: CanUseTool = (tool, input, context) =>
      this.#approvals.ask(tool, input, context);
    const env: Record<string, string | undefined> = { ...this.#parts.env };
    for (const name of OWN_VARIABLES) env[name] = undefined;
    return {
      abortController: this.#abort,
      canUseTool,
      env,
      spawnClaudeCodeProcess: this.#children.spawn,
    };
  }

  /** Every message of the SDK to stdout, no faster than that is read. */
  async #pump(query: Query): Promise<void> {
    try {
      for await (const message of query) {
        this.#outlet.say(isFields(message) ? message : { type: "unknown", message });
        await this.#outlet.room();
      }
    } catch (error) {
      if (this.#stdinEnded) void this.finish(EXIT.ok);
      else void this.finish(EXIT.failed, new RunnerError("claude_failed", textOf(error), error));
      return;
    }
    const early = new RunnerError(
      "claude_failed",
      "Claude Code has ended though it was not asked to",
    );
    if (this.#stdinEnded) void this.finish(EXIT.ok);
    else void this.finish(EXIT.failed, early);
  }
}

function sessionOptions(request: Fields): Fields {
  const session = isFields(request["session"]) ? request["session"] : {};
  const { contract, options } = session;
  if (contract !== CONTRACT) {
    const told = typeof contract === "number" ? contract : "none";
    throw new RunnerError(
      "unexpected",
      `The sidecar speaks version ${told} of the runner's contract, this runner version ${CONTRACT}: use the runner of the same release`,
    );
  }
  const given = Object.entries(isFields(options) ? options : {});
  return Object.fromEntries(
    given.filter(([key, value]) => value !== null && !OWN_OPTIONS.includes(key)),
  );
}

async function within<T>(deadlineMs: number, wait: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new RunnerError("sdk_failed", `The SDK gave no answer within ${deadlineMs} ms`));
    }, deadlineMs);
  });
  try {
    return await Promise.race([wait, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The longest that `finish` takes. */
export const FINISH_MS = TERM_GRACE_MS * 2 + FLUSH_MS;
