/** What a launch may be told, and what a launched sidecar tells. */

import type { ClientOptions } from "../client/options.js";
import type { ReadyLine } from "../generated/contract.js";
import type { LaunchFailed } from "../errors.js";
import type { ExitInfo } from "./process.js";

export interface RelaunchOptions {
  /** Deaths within `windowMs` that are mended; one more and it stays down. Default 3. */
  readonly max?: number;
  /** Default 5 minutes. */
  readonly windowMs?: number;
}

export interface LaunchOptions extends ClientOptions {
  /** Path of the binary. Default: AGENT_SIDECAR_BINARY, else the one in the app's resources. */
  readonly binary?: string;
  /** Arguments before `serve`, for a binary that is an interpreter. */
  readonly binaryArgs?: readonly string[];
  /** Added to this process' environment; undefined takes a name out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Where the sidecar keeps its journal. Default: the sidecar's own choice. */
  readonly dataDir?: string;
  /** The sidecar's settings, as it documents them. By default `coalesceMs` is one display frame. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Each line of the sidecar's stderr (structured log, one JSON object a line). */
  readonly onStderr?: (line: string) => void;
  /** From spawn to the ready line. Default 30 s. */
  readonly readyDeadlineMs?: number;
  /** From the end of stdin to the exit, before it is killed. Default 10 s. */
  readonly exitDeadlineMs?: number;
  /** Start it again when it dies. Default: yes, 3 times in 5 minutes. */
  readonly relaunch?: boolean | RelaunchOptions;
}

export interface SidecarEvents {
  /** It is ready, the first time or again. */
  ready: ReadyLine;
  /** It died without having been asked to. */
  died: ExitInfo;
  /** It stays down; the client has ended with this error. */
  failed: LaunchFailed;
}

export interface StopReport {
  /** Null when no process ran. */
  readonly exit: ExitInfo | null;
  /** Whether it had to be killed. */
  readonly forced: boolean;
}
