/**
 * Which command runs the Claude Agent SDK for the sidecar: the start option `runner`.
 *
 * The sidecar starts and supervises it; this only says what it is. Nothing is guessed: where the app
 * has the SDK is told by the app, and under Electron the program is only used as Node when it is
 * certain that it takes ELECTRON_RUN_AS_NODE.
 */

import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";

import { SidecarError } from "../errors.js";
import { here } from "../here.js";
import { readRunAsNodeFuse, type FuseState } from "./fuse.js";

/** What `session.start` takes as `options.runner` of the provider `claudeAgent`. */
export interface RunnerCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface ClaudeRunnerOptions {
  /**
   * The app's own `@anthropic-ai/claude-agent-sdk`: its file URL or absolute path, of the module or of
   * the package. `import.meta.resolve("@anthropic-ai/claude-agent-sdk")`, or `require.resolve(…)`.
   */
  readonly sdk: string | URL;
  /** A Node of the app's own, 18.15 or newer. Default: what runs this, when it can be Node. */
  readonly command?: string;
  /**
   * Under Electron: `true` asserts that the packaged app leaves the runAsNode fuse on. Default: the
   * fuse is read from the program, which takes a look through the whole file, once.
   */
  readonly runAsNode?: boolean;
}

/** What the answer depends on. */
export interface RunnerSurroundings {
  readonly execPath: string;
  readonly electron: boolean;
  readonly exists: (path: string) => boolean;
  readonly readFuse: (execPath: string) => Promise<FuseState>;
}

/** Rejects `claudeRunner`; `data.reason` is `sdk_missing`, `runner_missing`, or `not_node`. */
export class RunnerUnavailable extends SidecarError {
  constructor(reason: "sdk_missing" | "runner_missing" | "not_node", message: string) {
    super(message, { key: "runner_unavailable", data: { reason } });
  }
}

/**
 * Return the command that runs the Agent SDK, for `session.start`'s `options.runner`.
 *
 * Rejects with RunnerUnavailable when the SDK is not where it was said to be, or when there is no
 * program that is certain to be Node.
 */
export async function claudeRunner(
  options: ClaudeRunnerOptions,
  where = surroundings(),
): Promise<RunnerCommand> {
  const runner = unpacked(join(here, "..", "claude-runner", "main.mjs"), where.exists);
  if (!where.exists(runner)) {
    const why = `The claude runner is not at ${runner}: keep the package's dist/claude-runner with the app`;
    throw new RunnerUnavailable("runner_missing", why);
  }
  const args = [runner, "--sdk", sdkPath(options.sdk, where.exists)];
  if (options.command !== undefined) return { command: options.command, args, env: {} };
  if (!where.electron) return { command: where.execPath, args, env: {} };
  await assertRunsAsNode(options.runAsNode, where);
  return { command: where.execPath, args, env: { ELECTRON_RUN_AS_NODE: "1" } };
}

async function assertRunsAsNode(
  told: boolean | undefined,
  { execPath, readFuse }: RunnerSurroundings,
): Promise<void> {
  if (told === true) return;
  const state = told === false ? "off" : await readFuse(execPath);
  if (state === "on") return;
  const why =
    state === "off"
      ? "its runAsNode fuse is off, so ELECTRON_RUN_AS_NODE would start a second app"
      : "no runAsNode fuse was found in it";
  throw new RunnerUnavailable(
    "not_node",
    `${execPath} cannot run the Claude Agent SDK: ${why}. Ship a Node with the app and pass it as \`command\`, or leave the fuse on`,
  );
}

function sdkPath(sdk: string | URL, exists: (path: string) => boolean): string {
  const text = sdk instanceof URL ? sdk.href : sdk;
  const path = text.startsWith("file:") ? fileURLToPath(text) : text;
  const found = unpacked(path, exists);
  if (isAbsolute(found) && exists(found)) return found;
  throw new RunnerUnavailable(
    "sdk_missing",
    `@anthropic-ai/claude-agent-sdk is not at ${path}: install it in the app, and pass what import.meta.resolve or require.resolve says`,
  );
}

/** What lies in an asar archive, no program but Electron can read: its unpacked twin, if there is one. */
function unpacked(path: string, exists: (path: string) => boolean): string {
  const twin = path.replace(/\.asar(?=[\\/])/u, ".asar.unpacked");
  return twin !== path && exists(twin) ? twin : path;
}

function surroundings(): RunnerSurroundings {
  return {
    execPath: process.execPath,
    electron: process.versions["electron"] !== undefined,
    exists: existsSync,
    readFuse: readRunAsNodeFuse,
  };
}
