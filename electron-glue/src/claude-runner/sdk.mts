/**
 * The Claude Agent SDK: where the app has it, whether it is one that the runner knows, its types.
 *
 * It is the app's own dependency and licence; this package neither contains nor downloads it. The
 * types say what of it is used, and no more.
 */

import { readFileSync, statSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { isFields, RunnerError, textOf, type Fields } from "./protocol.mjs";

export const SDK_NAME = "@anthropic-ai/claude-agent-sdk";
/** From here on the SDK has all that the runner calls. */
export const OLDEST: readonly [number, number, number] = [0, 2, 0];

/** What `query()` returns, as far as the runner goes; more is looked for by name (controls.mts). */
export interface Query extends AsyncIterable<unknown> {
  /** Not in the oldest. */
  initializationResult?(): Promise<unknown>;
  supportedCommands(): Promise<unknown>;
  supportedModels(): Promise<unknown>;
  accountInfo(): Promise<unknown>;
}

export interface ToolContext extends Fields {
  readonly signal: AbortSignal;
}

export type CanUseTool = (tool: string, input: Fields, context: ToolContext) => Promise<Fields>;

export interface Sdk {
  query(call: { prompt: AsyncIterable<Fields>; options: Fields }): Query;
}

export interface LoadedSdk {
  readonly sdk: Sdk;
  /** Null when the module belongs to no package of that name: it was bundled into another. */
  readonly version: string | null;
}

/**
 * Import the SDK from `location`: a file URL or an absolute path, of its module or of its package.
 *
 * Throws RunnerError `sdk_missing` or `sdk_unsupported`, which say what the app has to do.
 */
export async function loadSdk(location: string): Promise<LoadedSdk> {
  const file = entryOf(location);
  const version = versionOf(file);
  if (version !== null && !isSupported(version)) {
    throw new RunnerError(
      "sdk_unsupported",
      `${SDK_NAME} ${version} at ${location} is too old: ${OLDEST.join(".")} or newer is needed`,
    );
  }
  let module: unknown;
  try {
    module = await import(pathToFileURL(file).href);
  } catch (cause) {
    const why = `${SDK_NAME} at ${location} cannot be loaded: ${textOf(cause)}`;
    throw new RunnerError("sdk_missing", why, cause);
  }
  const sdk = withQuery(module);
  if (sdk !== null) return { sdk, version };
  throw new RunnerError(
    "sdk_unsupported",
    `The module at ${location} has no query(): no ${SDK_NAME}`,
  );
}

/** Whether a version can be driven; one that cannot be read as a version is given a try. */
export function isSupported(version: string): boolean {
  const numbers = /^(\d+)\.(\d+)\.(\d+)/u.exec(version)?.slice(1).map(Number);
  if (numbers === undefined) return true;
  const at = OLDEST.findIndex((oldest, place) => numbers[place] !== oldest);
  return at < 0 || (numbers[at] ?? 0) > (OLDEST[at] ?? 0);
}

/** What Claude Code answered to the SDK's own initialize. */
export async function initialised(query: Query): Promise<Fields> {
  if (query.initializationResult !== undefined) {
    const result = await query.initializationResult();
    return isFields(result) ? result : {};
  }
  return {
    commands: await query.supportedCommands(),
    models: await query.supportedModels(),
    account: await query.accountInfo(),
  };
}

function withQuery(module: unknown): Sdk | null {
  if (!isFields(module)) return null;
  if (typeof module["query"] === "function") return module as unknown as Sdk;
  // What a bundler has made CommonJS of.
  const inner = module["default"];
  return isFields(inner) && typeof inner["query"] === "function" ? (inner as unknown as Sdk) : null;
}

function entryOf(location: string): string {
  const path = location.startsWith("file:") ? fileURLToPath(location) : location;
  const stats = isAbsolute(path) ? statSync(path, { throwIfNoEntry: false }) : undefined;
  if (stats === undefined) {
    throw new RunnerError(
      "sdk_missing",
      `${SDK_NAME} is not at ${location}: install it in the app, and give its absolute path or file URL`,
    );
  }
  return stats.isDirectory() ? join(path, mainOf(path)) : path;
}

function mainOf(folder: string): string {
  const { exports, main } = manifestIn(folder) ?? {};
  const root = isFields(exports) ? exports["."] : exports;
  const target = isFields(root) ? (root["import"] ?? root["default"]) : root;
  if (typeof target === "string") return target;
  return typeof main === "string" ? main : "sdk.mjs";
}

function versionOf(file: string): string | null {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const manifest = manifestIn(folder);
    if (manifest?.["name"] === SDK_NAME) {
      return typeof manifest["version"] === "string" ? manifest["version"] : null;
    }
    if (dirname(folder) === folder) return null;
  }
}

function manifestIn(folder: string): Fields | null {
  try {
    const value: unknown = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    return isFields(value) ? value : null;
  } catch {
    // No manifest, or none that can be read: the folder says nothing about a version.
    return null;
  }
}
