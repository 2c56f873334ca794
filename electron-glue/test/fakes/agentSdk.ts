/**
 * A fake of the Claude Agent SDK, as far as the runner uses it. No Claude, no model: each prompt says what
 * shall happen.
 *
 * say TEXT      an assistant message
 * ask TOOL      canUseTool, and what came of it as a message
 * withdraw TOOL canUseTool, given up at once
 * flood N       N messages of 1 KiB
 * console TEXT  a print of its own, as a careless library does
 * odd           what cannot be JSON, then a message
 * child CODE    Claude Code is `node -e CODE`; its lines are the messages
 * throw TEXT    the query fails
 * reject TEXT   a rejection that nobody handles
 * end           the query ends though nobody asked it to
 */

import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

type Fields = Record<string, unknown>;

interface Options extends Fields {
  abortController: AbortController;
  canUseTool: (tool: string, input: Fields, context: Fields) => Promise<Fields>;
  spawnClaudeCodeProcess: (options: Fields) => {
    stdin: Writable;
    stdout: Readable;
    once: (name: "exit", listener: (code: number | null, signal: string | null) => void) => void;
  };
}

interface Call {
  prompt: AsyncIterable<{ message: { content: string } }>;
  options: Options;
}

export function query({ prompt, options }: Call): object {
  const messages = run(prompt, options);
  const calls = (name: string) =>
    function (...args: unknown[]) {
      return Promise.resolve({ called: name, args });
    };
  return Object.assign(messages, {
    initializationResult: () =>
      typeof options["failStart"] === "string"
        ? Promise.reject(new Error(options["failStart"]))
        : Promise.resolve({ commands: [], options: plain(options) }),
    interrupt: () => Promise.resolve(undefined),
    setModel: calls("setModel"),
    setPermissionMode: calls("setPermissionMode"),
    setMaxThinkingTokens: calls("setMaxThinkingTokens"),
    mcpServerStatus: () => Promise.resolve([{ name: "one", status: "connected" }]),
    setMcpServers: calls("setMcpServers"),
    toggleMcpServer: () => Promise.reject(new Error("Server not found: two")),
  });
}

async function* run(prompt: Call["prompt"], options: Options): AsyncGenerator<object, void> {
  for await (const { message } of prompt) {
    const [word = "", ...rest] = message.content.split(" ");
    const text = rest.join(" ");
    if (word === "end") return;
    if (word === "throw") throw new Error(text);
    yield* act(word, text, options);
  }
}

async function* act(word: string, text: string, options: Options): AsyncGenerator<object, void> {
  if (word === "say") yield { type: "assistant", text };
  if (word === "ask" || word === "withdraw") yield await asked(word, text, options);
  if (word === "flood") {
    for (let n = 0; n < Number(text); n += 1) yield { type: "flood", n, pad: "x".repeat(1024) };
  }
  if (word === "console") {
    console.log(text);
    process.stdout.write(`${text}\n`);
    yield { type: "assistant", text: "printed" };
  }
  if (word === "odd") {
    yield { type: "assistant", big: 1n };
    yield "no object at all" as unknown as object;
  }
  if (word === "reject") void Promise.reject(new Error(text));
  if (word === "child") yield* childLines(text, options);
}

async function asked(word: string, tool: string, options: Options): Promise<object> {
  const abort = new AbortController();
  const result = options.canUseTool(
    tool,
    { command: "ls" },
    {
      signal: abort.signal,
      suggestions: [{ type: "setMode", mode: "acceptEdits" }],
      toolUseID: "tool-1",
      agentID: undefined,
      decisionReason: "it writes",
      requestId: "sdk-1",
    },
  );
  if (word === "withdraw") abort.abort();
  return { type: "assistant", permission: await result };
}

async function* childLines(code: string, options: Options): AsyncGenerator<object, void> {
  const child = options.spawnClaudeCodeProcess({
    command: process.execPath,
    args: ["-e", code],
    env: options["env"],
    signal: new AbortController().signal,
  });
  const exit = new Promise<string>((resolve) => {
    child.once("exit", (status, signal) => {
      resolve(`${status ?? signal ?? "?"}`);
    });
  });
  for await (const line of createInterface({ input: child.stdout })) {
    yield { type: "assistant", line };
  }
  yield { type: "assistant", exit: await exit };
}

function plain(options: Fields): Fields {
  return JSON.parse(JSON.stringify(options)) as Fields;
}
