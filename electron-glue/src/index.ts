/** Launch the agent sidecar, connect to it, call it and read its events. */

export * from "./generated/contract.js";
export * from "./errors.js";
export {
  SidecarClient,
  type ClientState,
  type RequestParams,
  type RequestResult,
} from "./client/client.js";
export { connectSidecar } from "./client/connect.js";
export type { LogLevel, LogOption, LogRecord } from "./log/log.js";
export type { Cursor, CursorStore } from "./client/cursor.js";
export type { CommitMode } from "./client/feed.js";
export type {
  EphemeralItem,
  EventItem,
  GapItem,
  MalformedItem,
  SnapshotItem,
  StreamItem,
  SynchronizedItem,
} from "./client/items.js";
export type {
  ClientEvents,
  ClientOptions,
  ClientStats,
  ConnectionNotice,
  Endpoint,
  RequestOptions,
} from "./client/options.js";
export type {
  LaunchOptions,
  RelaunchOptions,
  SidecarEvents,
  StopReport,
} from "./launch/options.js";
export type { ExitInfo } from "./launch/process.js";
export { launchSidecar, Sidecar, type SidecarState } from "./launch/sidecar.js";
export { Fold } from "./fold/fold.js";
export {
  claudeRunner,
  RunnerUnavailable,
  type ClaudeRunnerOptions,
  type RunnerCommand,
} from "./runner/claudeRunner.js";
