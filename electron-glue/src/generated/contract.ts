// Printed from sidecar/contract by `python -m sidecar.contract.generate`. Do not edit.

/* eslint-disable */

export const PROTOCOL_VERSION = 1;
export const SUBPROTOCOL = "sidecar.v1";

/** Bounds and deadlines of the contract; a name ends in its unit. */
export const LIMITS = {
  /** Largest WebSocket message before it is cut into chunks (PROTOCOL §2). */
  MESSAGE_BYTES: 1048576,
  /** Largest value after the chunks are joined (PROTOCOL §2). */
  TRANSFER_BYTES: 67108864,
  /** Data in one chunk: half a message, so that control messages are never long behind one. */
  CHUNK_BYTES: 524288,
  /** Unacked event bytes that a client may have under way unless its hello says otherwise. */
  CREDIT_BYTES: 4194304,
  /** Smallest window: a lower one would make each event wait for an ack. */
  CREDIT_MIN_BYTES: 65536,
  /** Requests a connection may have open; one more is `overloaded`. */
  OPEN_REQUESTS: 256,
  /** Connections that may stand without hello: strangers cost a bounded amount. */
  CONNECTIONS_BEFORE_HELLO: 8,
  /** From the upgrade until hello must have come. */
  HELLO_DEADLINE_S: 10.0,
  /** Between two heartbeats of a side. */
  HEARTBEAT_MS: 5000,
  /** Heartbeat intervals without any message before a side is judged silent (4408). */
  SILENCE_INTERVALS: 3,
  /** How long the answer to an idempotency key is kept (PROTOCOL §5). */
  IDEMPOTENCY_S: 600.0,
  /** Text of a running turn that a snapshot carries a session (PROTOCOL §4). */
  ACTIVE_TEXT_BYTES: 262144,
  /** Characters of one turn's input, as the host app bounds them (EVENTS, adapter). */
  INPUT_CHARS: 120000,
  /** Attachments of one turn (EVENTS, adapter). */
  ATTACHMENTS: 8,
  /** One attachment (EVENTS, adapter). */
  ATTACHMENT_BYTES: 10485760,
  /** All attachments of one turn: they cross the bridge in one transfer. */
  ATTACHMENTS_TOTAL_BYTES: 41943040,
  /** What of a provider's or host's last stderr an exit carries. */
  STDERR_TAIL_CHARS: 4000,
  /** Largest text that adjacent deltas are merged to. */
  MERGE_BYTES: 65536,
} as const;

export type SessionState = "starting" | "ready" | "running" | "waiting" | "stopped" | "error";
export type ThreadState = "active" | "idle" | "archived" | "closed" | "compacted" | "error";
export type TurnState = "completed" | "failed" | "interrupted" | "cancelled";
export type ExitKind = "graceful" | "error";
export type ItemStatus = "inProgress" | "completed" | "failed" | "declined";
export type PlanStepStatus = "pending" | "inProgress" | "completed";
export type TaskStatus =
  | "pending"
  | "running"
  | "waiting"
  | "idle"
  | "completed"
  | "failed"
  | "cancelled"
  | "interrupted";
export type TaskEnd = "completed" | "failed" | "stopped";
export type HookOutcome = "success" | "error" | "cancelled";
export type StreamKind =
  | "assistant_text"
  | "reasoning_text"
  | "reasoning_summary_text"
  | "plan_text"
  | "command_output"
  | "file_change_output"
  | "unknown";
export type ItemType =
  | "user_message"
  | "assistant_message"
  | "reasoning"
  | "plan"
  | "command_execution"
  | "file_change"
  | "mcp_tool_call"
  | "dynamic_tool_call"
  | "collab_agent_tool_call"
  | "web_search"
  | "image_view"
  | "review_entered"
  | "review_exited"
  | "context_compaction"
  | "error"
  | "unknown";
export type RequestType =
  | "command_execution_approval"
  | "file_read_approval"
  | "file_change_approval"
  | "apply_patch_approval"
  | "exec_command_approval"
  | "tool_user_input"
  | "dynamic_tool_call"
  | "auth_tokens_refresh"
  | "unknown";
export type Decision = "accept" | "acceptForSession" | "decline" | "cancel";
export type ErrorClass =
  | "provider_error"
  | "transport_error"
  | "permission_error"
  | "validation_error"
  | "unknown";
export type ApprovalPolicy = "untrusted" | "on-failure" | "on-request" | "never";
export type SandboxMode = "read-only" | "workspace-write" | "danger-full-access";
export type RuntimeMode = "approval-required" | "auto-accept-edits" | "auto" | "full-access";
export type InteractionMode = "default" | "plan";
export type SessionStatus = "connecting" | "ready" | "running" | "error" | "closed";
export type RestartPolicy = "permanent" | "transient" | "temporary";
export type RestartStrategy = "one_for_one" | "one_for_all" | "rest_for_one";
export type AgentKind = "agent" | "background";
export type SessionModelSwitch = "in-session" | "restart-session" | "unsupported";
export type Support = "none" | "basic" | "full";
export type AuthState = "ok" | "missing" | "unknown";
export type NodeKind = "session" | "subagent" | "process";
export type Lane = "ordered" | "express" | "free";
export type StartFailure = "locked" | "bad_bootstrap" | "data_dir" | "schema_newer" | "port";
export type GapReason = "other_log" | "too_old" | "rewound";
export type JournalState = "ok" | "full" | "failed";
export type GoodbyeReason = "replaced" | "shutdown" | "silent";
export type EphemeralTopic = "event" | "metrics" | "progress";

/** The provider's own ids of what an event speaks about. */
export interface ProviderRefs {
  readonly providerTurnId?: string;
  readonly providerItemId?: string;
  readonly providerRequestId?: string;
}

/** The provider's message behind an event, when `raw` is asked for. */
export interface RawMessage {
  readonly source: string;
  readonly payload: unknown;
  readonly method?: string;
  readonly messageType?: string;
}

export interface SessionStarted {
  readonly message?: string;
  readonly resume?: unknown;
}

export interface SessionConfigured {
  readonly config: Readonly<Record<string, unknown>>;
}

export interface SessionStateChanged {
  readonly state: SessionState;
  readonly reason?: string;
  readonly detail?: unknown;
}

export interface SessionExited {
  readonly reason?: string;
  readonly recoverable?: boolean;
  readonly exitKind?: ExitKind;
  readonly stderrTail?: string;
}

export interface ThreadStarted {
  readonly providerThreadId?: string;
}

export interface ThreadStateChanged {
  readonly state: ThreadState;
  readonly detail?: unknown;
  readonly beforeTokens?: number;
  readonly afterTokens?: number;
}

export interface ThreadMetadataUpdated {
  readonly name?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

export interface ThreadTokenUsageUpdated {
  readonly usage: TokenUsage;
}

export interface TokenUsage {
  readonly usedTokens: number;
  readonly totalProcessedTokens?: number;
  readonly maxTokens?: number;
  readonly inputTokens?: number;
  readonly cachedInputTokens?: number;
  readonly outputTokens?: number;
  readonly reasoningOutputTokens?: number;
  readonly lastUsedTokens?: number;
  readonly lastInputTokens?: number;
  readonly lastCachedInputTokens?: number;
  readonly lastOutputTokens?: number;
  readonly lastReasoningOutputTokens?: number;
  readonly toolUses?: number;
  readonly durationMs?: number;
  readonly compactsAutomatically?: boolean;
}

export interface RealtimeStarted {
  readonly realtimeSessionId?: string;
}

export interface RealtimeItemAdded {
  readonly item: unknown;
}

export interface RealtimeAudioDelta {
  readonly audio: unknown;
}

export interface RealtimeError {
  readonly message: string;
}

export interface RealtimeClosed {
  readonly reason?: string;
}

export interface TurnStarted {
  readonly model?: string;
  readonly effort?: string;
}

export interface TurnCompleted {
  readonly state: TurnState;
  readonly stopReason?: string;
  readonly usage?: unknown;
  readonly modelUsage?: Readonly<Record<string, unknown>>;
  readonly totalCostUsd?: number;
  readonly errorMessage?: string;
}

export interface TurnAborted {
  readonly reason: string;
}

export interface TurnPlanUpdated {
  readonly plan: readonly PlanStep[];
  readonly explanation?: string;
}

export interface PlanStep {
  readonly step: string;
  readonly status: PlanStepStatus;
}

export interface TurnProposedDelta {
  readonly delta: string;
}

export interface TurnProposedCompleted {
  readonly planMarkdown: string;
}

export interface TurnDiffUpdated {
  readonly unifiedDiff: string;
}

/** Payload of item.started, item.updated and item.completed. */
export interface ItemLifecycle {
  readonly itemType: ItemType;
  readonly status?: ItemStatus;
  readonly title?: string;
  readonly detail?: string;
  readonly data?: unknown;
  readonly agentId?: string;
  readonly parentToolUseId?: string;
}

export interface ContentDelta {
  readonly streamKind: StreamKind;
  readonly delta: string;
  readonly contentIndex?: number;
  readonly summaryIndex?: number;
}

export interface RequestOpened {
  readonly requestType: RequestType;
  readonly detail?: string;
  readonly args?: unknown;
  readonly options?: readonly RequestOption[];
}

/** One answer that the provider offers; `option_id` may be sent back verbatim. */
export interface RequestOption {
  readonly optionId: string;
  readonly name?: string;
  readonly kind?: string;
  readonly decision?: Decision;
}

export interface RequestResolved {
  readonly requestType: RequestType;
  readonly decision?: string;
  readonly resolution?: unknown;
}

export interface UserInputRequested {
  readonly questions: readonly Question[];
}

export interface Question {
  readonly id: string;
  readonly header: string;
  readonly question: string;
  readonly options: readonly QuestionOption[];
  readonly multiSelect?: boolean;
}

export interface QuestionOption {
  readonly label: string;
  readonly description: string;
}

export interface UserInputResolved {
  readonly answers: Readonly<Record<string, unknown>>;
}

export interface TaskStarted {
  readonly agentKind?: AgentKind;
  readonly agentId?: string;
  readonly parentAgentId?: string;
  readonly title?: string;
  readonly role?: string;
  readonly model?: string;
  readonly effort?: string;
  readonly toolUseId?: string;
  readonly agentIndex?: number;
  readonly attempt?: number;
  readonly agentPath?: string;
  readonly taskId: string;
  readonly description?: string;
  readonly taskType?: string;
}

export interface TaskProgress {
  readonly agentKind?: AgentKind;
  readonly agentId?: string;
  readonly parentAgentId?: string;
  readonly title?: string;
  readonly role?: string;
  readonly model?: string;
  readonly effort?: string;
  readonly toolUseId?: string;
  readonly agentIndex?: number;
  readonly attempt?: number;
  readonly agentPath?: string;
  readonly taskId: string;
  readonly description: string;
  readonly summary?: string;
  readonly usage?: unknown;
  readonly lastToolName?: string;
}

export interface TaskUpdated {
  readonly agentKind?: AgentKind;
  readonly agentId?: string;
  readonly parentAgentId?: string;
  readonly title?: string;
  readonly role?: string;
  readonly model?: string;
  readonly effort?: string;
  readonly toolUseId?: string;
  readonly agentIndex?: number;
  readonly attempt?: number;
  readonly agentPath?: string;
  readonly taskId: string;
  readonly status?: TaskStatus;
  readonly description?: string;
  readonly error?: string;
  readonly endedAt?: string;
  readonly isBackgrounded?: boolean;
}

export interface TaskCompleted {
  readonly agentKind?: AgentKind;
  readonly agentId?: string;
  readonly parentAgentId?: string;
  readonly title?: string;
  readonly role?: string;
  readonly model?: string;
  readonly effort?: string;
  readonly toolUseId?: string;
  readonly agentIndex?: number;
  readonly attempt?: number;
  readonly agentPath?: string;
  readonly taskId: string;
  readonly status: TaskEnd;
  readonly summary?: string;
  readonly usage?: unknown;
}

export interface HookStarted {
  readonly hookId: string;
  readonly hookName: string;
  readonly hookEvent: string;
}

export interface HookProgress {
  readonly hookId: string;
  readonly output?: string;
  readonly stdout?: string;
  readonly stderr?: string;
}

export interface HookCompleted {
  readonly hookId: string;
  readonly outcome: HookOutcome;
  readonly output?: string;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly exitCode?: number;
}

export interface ToolProgress {
  readonly toolUseId?: string;
  readonly toolName?: string;
  readonly summary?: string;
  readonly elapsedSeconds?: number;
}

export interface ToolSummary {
  readonly summary: string;
  readonly precedingToolUseIds?: readonly string[];
}

export interface ToolDenied {
  readonly toolName: string;
  readonly toolUseId?: string;
  readonly reason?: string;
  readonly agentId?: string;
}

export interface AuthStatus {
  readonly isAuthenticating?: boolean;
  readonly output?: readonly string[];
  readonly error?: string;
}

export interface AccountUpdated {
  readonly account: unknown;
}

export interface RateLimitsUpdated {
  readonly rateLimits: unknown;
}

export interface McpStatusUpdated {
  readonly status: unknown;
}

export interface McpOauthCompleted {
  readonly success: boolean;
  readonly name?: string;
  readonly error?: string;
}

export interface ModelRerouted {
  readonly fromModel: string;
  readonly toModel: string;
  readonly reason: string;
}

export interface ConfigWarning {
  readonly summary: string;
  readonly details?: string;
  readonly path?: string;
  readonly range?: unknown;
}

export interface DeprecationNotice {
  readonly summary: string;
  readonly details?: string;
}

export interface FilesPersisted {
  readonly files: readonly PersistedFile[];
  readonly failed?: readonly FailedFile[];
}

export interface PersistedFile {
  readonly filename: string;
  readonly fileId: string;
}

export interface FailedFile {
  readonly filename: string;
  readonly error: string;
}

/** Payload of runtime.warning. */
export interface RuntimeWarned {
  readonly message: string;
  readonly detail?: unknown;
}

/** Payload of runtime.error. */
export interface RuntimeFailed {
  readonly message: string;
  readonly class?: ErrorClass;
  readonly detail?: unknown;
}

/** An error as it crosses the bridge (PROTOCOL §6). */
export interface ErrorBody {
  readonly code: number;
  readonly key: string;
  readonly message: string;
  readonly retryable?: boolean;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** Start a session, or resume the stopped one of the same threadId. */
export interface SessionStartParams {
  readonly idempotencyKey: string;
  readonly threadId: string;
  readonly provider: string;
  readonly runtimeMode: RuntimeMode;
  readonly providerInstanceId?: string;
  readonly cwd?: string;
  readonly modelSelection?: ModelSelection;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly approvalPolicy?: ApprovalPolicy;
  readonly sandboxMode?: SandboxMode;
  readonly resumeCursor?: unknown;
  readonly parent?: string;
  readonly restart?: RestartSpec;
  readonly limits?: SessionLimits;
  readonly coalesceMs?: number;
}

export interface ModelSelection {
  readonly model: string;
  readonly instanceId?: string;
  readonly options?: Readonly<Record<string, unknown>>;
}

/** OTP's child spec as a client may set it; times in ms unless named in seconds. */
export interface RestartSpec {
  readonly policy?: RestartPolicy;
  readonly strategy?: RestartStrategy;
  readonly maxRestarts?: number;
  readonly maxSeconds?: number;
  readonly significant?: boolean;
  readonly shutdownMs?: number;
}

export interface SessionLimits {
  readonly memorySoftBytes?: number;
  /** Not below the soft one. */
  readonly memoryHardBytes?: number;
  readonly startMs?: number;
  readonly stallMs?: number;
  readonly idleMs?: number;
}

/** The session after session.start or session.restart. */
export interface SessionResult {
  readonly provider: string;
  readonly threadId: string;
  readonly status: SessionStatus;
  readonly runtimeMode: RuntimeMode;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly providerInstanceId?: string;
  readonly cwd?: string;
  readonly model?: string;
  readonly resumeCursor?: unknown;
  readonly activeTurnId?: string;
  readonly lastError?: string;
  readonly at?: number;
}

export interface SendTurnParams {
  readonly idempotencyKey: string;
  readonly threadId: string;
  readonly input?: string;
  readonly attachments?: readonly Attachment[];
  readonly modelSelection?: ModelSelection;
  readonly interactionMode?: InteractionMode;
  readonly options?: Readonly<Record<string, unknown>>;
}

export interface Attachment {
  readonly type: "image";
  readonly mimeType: string;
  readonly name?: string;
  readonly data?: Uint8Array;
  readonly path?: string;
}

/** The turn that the provider has taken on. */
export interface SendTurnResult {
  readonly threadId: string;
  readonly turnId: string;
  readonly resumeCursor?: unknown;
  readonly at?: number;
}

export interface InterruptParams {
  readonly threadId: string;
  readonly turnId?: string;
  readonly cascade?: boolean;
}

/** The result of a mutating method that has nothing else to say. */
export interface Done {
  readonly at?: number;
}

export interface RespondToRequestParams {
  readonly idempotencyKey: string;
  readonly threadId: string;
  readonly requestId: string;
  readonly decision: Decision;
  readonly optionId?: string;
}

export interface RespondToUserInputParams {
  readonly idempotencyKey: string;
  readonly threadId: string;
  readonly requestId: string;
  readonly answers: Readonly<Record<string, string | readonly string[]>>;
}

export interface SetConfigParams {
  readonly threadId: string;
  readonly key: string;
  readonly value: unknown;
}

/** `config` is what is now in force, at least the key that was set. */
export interface SetConfigResult {
  readonly config: Readonly<Record<string, unknown>>;
  readonly at?: number;
}

export interface SessionStopParams {
  readonly threadId: string;
  readonly cascade?: boolean;
  readonly deadlineMs?: number;
}

export interface SessionRestartParams {
  readonly idempotencyKey: string;
  readonly threadId: string;
}

export interface ThreadParams {
  readonly threadId: string;
}

/** A session as the adapter of docs/EVENTS.md describes it. */
export interface SessionView {
  readonly provider: string;
  readonly threadId: string;
  readonly status: SessionStatus;
  readonly runtimeMode: RuntimeMode;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly providerInstanceId?: string;
  readonly cwd?: string;
  readonly model?: string;
  readonly resumeCursor?: unknown;
  readonly activeTurnId?: string;
  readonly lastError?: string;
}

export type NoParams = Readonly<Record<string, never>>;

export interface SessionList {
  readonly sessions: readonly SessionView[];
}

/** `stopped` names the threads that ran, in the order in which they ended. */
export interface StopAllResult {
  readonly stopped: readonly string[];
  readonly at?: number;
}

export interface ThreadTurns {
  readonly threadId: string;
  readonly turns: readonly Turn[];
  /** Only after session.rollbackThread, which mutates. */
  readonly at?: number;
}

/** A turn of the provider's own store; its items as the provider keeps them. */
export interface Turn {
  readonly id: string;
  readonly items: readonly unknown[];
}

export interface RollbackParams {
  readonly threadId: string;
  readonly numTurns: number;
}

export interface OptionalThreadParams {
  readonly threadId?: string;
}

export interface Tree {
  readonly nodes: readonly TreeNode[];
}

/** A session, a provider-internal subagent, or an operating-system process. `state` is a session's status, a subagent's task status, a process's name; `startedAt` of a session its very first start; `createTime` of a process in seconds since 1970. A session's figures are the sums of its own processes; those that belong to no one session have no parent. */
export interface TreeNode {
  readonly kind: NodeKind;
  readonly id: string;
  /** A session's status, a subagent's task status, a process's name. */
  readonly state: string;
  readonly parent?: string;
  /** What a subagent calls itself, or was asked to do. */
  readonly title?: string;
  /** ISO 8601, of sessions and subagents; a process has its create_time. */
  readonly startedAt?: string;
  readonly pid?: number;
  /** Seconds since 1970, as psutil says it: with `pid` the identity of a process. */
  readonly createTime?: number;
  /** Of a process, or of all processes of a session that runs. */
  readonly rssBytes?: number;
  readonly cpuMs?: number;
  readonly children?: readonly string[];
}

export interface ProviderParams {
  readonly provider?: string;
  readonly providerInstanceId?: string;
  /** Look again, whatever is remembered. */
  readonly refresh?: boolean;
}

export interface ProviderList {
  readonly providers: readonly ProviderStatus[];
}

/** One provider on this machine; `reason` says in words why it cannot be used. */
export interface ProviderStatus {
  readonly provider: string;
  readonly displayName: string;
  readonly installed: boolean;
  readonly auth: AuthState;
  readonly capabilities: Capabilities;
  readonly version?: string;
  readonly path?: string;
  readonly reason?: string;
  /** The account that this is about; absent for the user's own. */
  readonly providerInstanceId?: string;
  /** What the provider tells of the account that is logged in, as it tells it. */
  readonly account?: unknown;
  /** When it was looked at, ISO 8601; absent as long as nobody has. */
  readonly checkedAt?: string;
}

/** What the adapter may offer for this provider (EVENTS, adapter); every key is present. */
export interface Capabilities {
  readonly sessionModelSwitch: SessionModelSwitch;
  readonly supportsUserInput: boolean;
  readonly supportsRollback: boolean;
  readonly supportsFileChangeApproval: boolean;
  readonly resume: Support;
  readonly subagents: Support;
  readonly attachments: Support;
  readonly replay: Support;
  readonly mcpConfig: Support;
}

/** `reason` says why there are none, or only those of an earlier look. */
export interface ModelList {
  readonly models: readonly Model[];
  readonly reason?: string;
}

/** One model that a provider offers; `options` are its own settings (effort, tier …). */
export interface Model {
  readonly slug: string;
  readonly name: string;
  readonly description?: string;
  readonly isDefault?: boolean;
  readonly options?: Readonly<Record<string, unknown>>;
}

export interface McpParams {
  readonly threadId: string;
  readonly name?: string;
  readonly config?: unknown;
}

export interface McpServers {
  readonly servers: readonly McpServer[];
  /** Absent after mcp.status, which reads. */
  readonly at?: number;
}

export interface McpServer {
  readonly name: string;
  readonly state: string;
  readonly error?: string;
  readonly tools?: readonly string[];
}

export interface SnapshotParams {
  readonly threads?: readonly string[];
}

/** The fold of the journal at seq `at`. */
export interface Snapshot {
  readonly at: number;
  readonly epoch: number;
  readonly state: SnapshotState;
}

/** Every session that the client asked for, by threadId. */
export interface SnapshotState {
  readonly sessions: Readonly<Record<string, SessionSnapshot>>;
}

/** One session in a snapshot: the view, and what a UI needs to go on from here. */
export interface SessionSnapshot {
  readonly provider: string;
  readonly threadId: string;
  readonly status: SessionStatus;
  readonly runtimeMode: RuntimeMode;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly providerInstanceId?: string;
  readonly cwd?: string;
  readonly model?: string;
  readonly resumeCursor?: unknown;
  readonly activeTurnId?: string;
  readonly lastError?: string;
  readonly generation: number;
  readonly restarts: Restarts;
  readonly parent?: string;
  readonly children?: readonly string[];
  readonly activeTurn?: ActiveTurn;
  readonly pendingRequests?: Readonly<Record<string, PendingRequest>>;
  readonly tasks?: Readonly<Record<string, unknown>>;
  readonly usage?: unknown;
  /** Whether it has no process until its next call. */
  readonly parked?: boolean;
}

/** How often the session was restarted within its window, and what comes next. */
export interface Restarts {
  readonly count?: number;
  readonly backoffUntil?: string;
  readonly gaveUp?: boolean;
}

/** The running turn; `truncated` when the front of its text was dropped (ACTIVE_TEXT_BYTES). */
export interface ActiveTurn {
  readonly turnId: string;
  readonly startedAt: string;
  readonly items?: readonly ActiveItem[];
  readonly truncated?: boolean;
}

/** An item of the running turn; `text` is what was streamed, by stream kind. */
export interface ActiveItem {
  readonly itemId: string;
  readonly itemType: ItemType;
  readonly status: ItemStatus;
  readonly text?: Readonly<Record<string, string>>;
}

/** An unanswered request.opened or user-input.requested (`type` says which). */
export interface PendingRequest {
  readonly type: string;
  readonly payload: unknown;
  readonly createdAt: string;
  readonly turnId?: string;
}

export interface EventsReadParams {
  readonly after: number;
  readonly limit?: number;
  readonly threads?: readonly string[];
}

/** `events` is [[seq, event]]; `next` is what to pass as `after` for the page behind it. */
export interface EventsPage {
  readonly events: readonly (readonly [number, Uint8Array])[];
  readonly head: number;
  readonly next: number;
}

export interface SubscribeParams {
  readonly threads?: readonly string[];
  readonly after?: number;
}

/** The result of a method that neither changes a session nor has anything to say. */
export type Empty = Readonly<Record<string, never>>;

/** Every metric of GET /metrics by its Prometheus name, labels in braces. */
export interface MetricsResult {
  readonly metrics: Readonly<Record<string, unknown>>;
}

/** Redacted facts for a bug report: versions, settings, tree, journal statistics. */
export interface DiagnosticsResult {
  readonly diagnostics: Readonly<Record<string, unknown>>;
}

export interface ShutdownParams {
  readonly deadlineMs?: number;
}

/** First line on stdin of `serve`. */
export interface Bootstrap {
  readonly token: string;
  readonly parentPid?: number;
  readonly dataDir?: string;
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** The one line on stdout once the bridge listens. */
export interface ReadyLine {
  readonly event: string;
  readonly pid: number;
  readonly port: number;
  readonly url: string;
  readonly protocol: number;
  readonly instance: string;
  readonly version: string;
  readonly logId: string;
  readonly epoch: number;
  readonly journalReset?: string;
  readonly dataDir?: string;
}

/** The one line on stdout when the sidecar cannot start. */
export interface FailedLine {
  readonly event: string;
  readonly code: StartFailure;
  readonly message: string;
  readonly pid?: number;
}

export interface Hello {
  readonly protocol: readonly [number, number];
  readonly nonce: Uint8Array;
  readonly auth: Uint8Array;
  readonly client: ClientInfo;
  readonly resume?: Resume;
  readonly creditBytes?: number;
  readonly threads?: readonly string[];
}

export interface ClientInfo {
  readonly id: string;
  readonly name?: string;
  readonly version?: string;
}

/** A client's cursor: the last seq it has committed, and where that number is valid. */
export interface Resume {
  readonly logId: string;
  readonly epoch: number;
  readonly cursor: number;
}

export interface HelloResult {
  readonly protocol: number;
  readonly proof: Uint8Array;
  readonly server: ServerInfo;
  readonly logId: string;
  readonly epoch: number;
  readonly head: number;
  readonly oldest: number;
  readonly resumed: boolean;
  readonly limits: Limits;
  readonly heartbeatMs: number;
  readonly reason?: GapReason;
}

export interface ServerInfo {
  readonly version: string;
  readonly pid: number;
  readonly instance: string;
}

export interface Limits {
  readonly messageBytes: number;
  readonly transferBytes: number;
  readonly creditBytes: number;
  readonly openRequests: number;
}

/** Seqs `from_`…`to` are not served; a snapshot follows. */
export interface Gap {
  readonly from: number;
  readonly to: number;
  readonly reason: GapReason;
}

/** The stream has caught up; live events follow with no seam. */
export interface Synchronized {
  readonly head: number;
}

/** `list` is [[seq, event]], the event in its final bytes. */
export interface Events {
  readonly list: readonly (readonly [number, Uint8Array])[];
}

/** To a filtered client: nothing for it up to `seq`. */
export interface Advance {
  readonly seq: number;
}

/** What has no seq and may be dropped: `event` for topic event, `data` for the others. */
export interface Ephemeral {
  readonly topic: EphemeralTopic;
  readonly event?: Uint8Array;
  readonly data?: unknown;
}

/** The journal's state; repeated in each heartbeat while it is not ok. */
export interface JournalNotice {
  readonly state: JournalState;
  readonly message?: string;
}

/** Either side's heartbeat; the server adds head, sent and, when not ok, the journal. */
export interface Heartbeat {
  readonly monoMs: number;
  readonly wallMs: number;
  readonly head?: number;
  readonly sent?: number;
  readonly journal?: JournalState;
}

/** The last message before the server closes. */
export interface Goodbye {
  readonly reason: GoodbyeReason;
}

export interface Chunk {
  readonly cid: number;
  readonly index: number;
  readonly count: number;
  readonly data: Uint8Array;
}

export interface Ack {
  readonly seq: number;
}

export interface Cancel {
  readonly id: number;
}

/** The payload of each event type. */
export interface EventPayloads {
  readonly "session.started": SessionStarted;
  readonly "session.configured": SessionConfigured;
  readonly "session.state.changed": SessionStateChanged;
  readonly "session.exited": SessionExited;
  readonly "thread.started": ThreadStarted;
  readonly "thread.state.changed": ThreadStateChanged;
  readonly "thread.metadata.updated": ThreadMetadataUpdated;
  readonly "thread.token-usage.updated": ThreadTokenUsageUpdated;
  readonly "thread.realtime.started": RealtimeStarted;
  readonly "thread.realtime.item-added": RealtimeItemAdded;
  readonly "thread.realtime.audio.delta": RealtimeAudioDelta;
  readonly "thread.realtime.error": RealtimeError;
  readonly "thread.realtime.closed": RealtimeClosed;
  readonly "turn.started": TurnStarted;
  readonly "turn.completed": TurnCompleted;
  readonly "turn.aborted": TurnAborted;
  readonly "turn.plan.updated": TurnPlanUpdated;
  readonly "turn.proposed.delta": TurnProposedDelta;
  readonly "turn.proposed.completed": TurnProposedCompleted;
  readonly "turn.diff.updated": TurnDiffUpdated;
  readonly "item.started": ItemLifecycle;
  readonly "item.updated": ItemLifecycle;
  readonly "item.completed": ItemLifecycle;
  readonly "content.delta": ContentDelta;
  readonly "request.opened": RequestOpened;
  readonly "request.resolved": RequestResolved;
  readonly "user-input.requested": UserInputRequested;
  readonly "user-input.resolved": UserInputResolved;
  readonly "task.started": TaskStarted;
  readonly "task.progress": TaskProgress;
  readonly "task.updated": TaskUpdated;
  readonly "task.completed": TaskCompleted;
  readonly "hook.started": HookStarted;
  readonly "hook.progress": HookProgress;
  readonly "hook.completed": HookCompleted;
  readonly "tool.progress": ToolProgress;
  readonly "tool.summary": ToolSummary;
  readonly "tool.denied": ToolDenied;
  readonly "auth.status": AuthStatus;
  readonly "account.updated": AccountUpdated;
  readonly "account.rate-limits.updated": RateLimitsUpdated;
  readonly "mcp.status.updated": McpStatusUpdated;
  readonly "mcp.oauth.completed": McpOauthCompleted;
  readonly "model.rerouted": ModelRerouted;
  readonly "config.warning": ConfigWarning;
  readonly "deprecation.notice": DeprecationNotice;
  readonly "files.persisted": FilesPersisted;
  readonly "runtime.warning": RuntimeWarned;
  readonly "runtime.error": RuntimeFailed;
}

export type EventType = keyof EventPayloads;

/** One event of type `T`: the envelope around its payload. */
export interface EventOf<T extends EventType> {
  readonly eventId: string;
  readonly provider: string;
  readonly threadId: string;
  readonly createdAt: string;
  readonly type: T;
  readonly payload: EventPayloads[T];
  readonly generation: number;
  readonly providerInstanceId?: string;
  readonly turnId?: string;
  readonly itemId?: string;
  readonly requestId?: string;
  readonly providerRefs?: ProviderRefs;
  readonly raw?: RawMessage;
}

/** Any event; `type` tells which. */
export type SidecarEvent = { [T in EventType]: EventOf<T> }[EventType];

export interface EventFlags {
  /** It gets a seq and is journalled; otherwise it comes as `ephemeral`. */
  readonly durable: boolean;
  /** It changes a snapshot beyond the text of the running turn. */
  readonly fold: boolean;
  /** Adjacent ones of one item and stream may have been joined. */
  readonly mergeable: boolean;
}

export const EVENT_FLAGS: { readonly [T in EventType]: EventFlags } = {
  "session.started": { durable: true, fold: true, mergeable: false },
  "session.configured": { durable: true, fold: true, mergeable: false },
  "session.state.changed": { durable: true, fold: true, mergeable: false },
  "session.exited": { durable: true, fold: true, mergeable: false },
  "thread.started": { durable: true, fold: true, mergeable: false },
  "thread.state.changed": { durable: true, fold: true, mergeable: false },
  "thread.metadata.updated": { durable: true, fold: true, mergeable: false },
  "thread.token-usage.updated": { durable: true, fold: true, mergeable: false },
  "thread.realtime.started": { durable: true, fold: false, mergeable: false },
  "thread.realtime.item-added": { durable: true, fold: false, mergeable: false },
  "thread.realtime.audio.delta": { durable: false, fold: false, mergeable: false },
  "thread.realtime.error": { durable: true, fold: false, mergeable: false },
  "thread.realtime.closed": { durable: true, fold: false, mergeable: false },
  "turn.started": { durable: true, fold: true, mergeable: false },
  "turn.completed": { durable: true, fold: true, mergeable: false },
  "turn.aborted": { durable: true, fold: false, mergeable: false },
  "turn.plan.updated": { durable: true, fold: true, mergeable: false },
  "turn.proposed.delta": { durable: true, fold: false, mergeable: true },
  "turn.proposed.completed": { durable: true, fold: false, mergeable: false },
  "turn.diff.updated": { durable: true, fold: false, mergeable: false },
  "item.started": { durable: true, fold: true, mergeable: false },
  "item.updated": { durable: true, fold: true, mergeable: false },
  "item.completed": { durable: true, fold: true, mergeable: false },
  "content.delta": { durable: true, fold: false, mergeable: true },
  "request.opened": { durable: true, fold: true, mergeable: false },
  "request.resolved": { durable: true, fold: true, mergeable: false },
  "user-input.requested": { durable: true, fold: true, mergeable: false },
  "user-input.resolved": { durable: true, fold: true, mergeable: false },
  "task.started": { durable: true, fold: true, mergeable: false },
  "task.progress": { durable: true, fold: false, mergeable: false },
  "task.updated": { durable: true, fold: true, mergeable: false },
  "task.completed": { durable: true, fold: true, mergeable: false },
  "hook.started": { durable: true, fold: false, mergeable: false },
  "hook.progress": { durable: false, fold: false, mergeable: false },
  "hook.completed": { durable: true, fold: false, mergeable: false },
  "tool.progress": { durable: false, fold: false, mergeable: false },
  "tool.summary": { durable: true, fold: false, mergeable: false },
  "tool.denied": { durable: true, fold: false, mergeable: false },
  "auth.status": { durable: true, fold: false, mergeable: false },
  "account.updated": { durable: true, fold: false, mergeable: false },
  "account.rate-limits.updated": { durable: true, fold: false, mergeable: false },
  "mcp.status.updated": { durable: true, fold: false, mergeable: false },
  "mcp.oauth.completed": { durable: true, fold: false, mergeable: false },
  "model.rerouted": { durable: true, fold: false, mergeable: false },
  "config.warning": { durable: true, fold: false, mergeable: false },
  "deprecation.notice": { durable: true, fold: false, mergeable: false },
  "files.persisted": { durable: true, fold: false, mergeable: false },
  "runtime.warning": { durable: true, fold: false, mergeable: false },
  "runtime.error": { durable: true, fold: true, mergeable: false },
};

/** Params and result of each method but `hello`. */
export interface Methods {
  readonly "session.start": {
    readonly params: SessionStartParams;
    readonly result: SessionResult;
  };
  readonly "session.sendTurn": {
    readonly params: SendTurnParams;
    readonly result: SendTurnResult;
  };
  readonly "session.interrupt": {
    readonly params: InterruptParams;
    readonly result: Done;
  };
  readonly "session.respondToRequest": {
    readonly params: RespondToRequestParams;
    readonly result: Done;
  };
  readonly "session.respondToUserInput": {
    readonly params: RespondToUserInputParams;
    readonly result: Done;
  };
  readonly "session.setConfig": {
    readonly params: SetConfigParams;
    readonly result: SetConfigResult;
  };
  readonly "session.stop": {
    readonly params: SessionStopParams;
    readonly result: Done;
  };
  readonly "session.restart": {
    readonly params: SessionRestartParams;
    readonly result: SessionResult;
  };
  readonly "session.get": {
    readonly params: ThreadParams;
    readonly result: SessionView;
  };
  readonly "session.list": {
    readonly params: NoParams;
    readonly result: SessionList;
  };
  readonly "session.stopAll": {
    readonly params: NoParams;
    readonly result: StopAllResult;
  };
  readonly "session.readThread": {
    readonly params: ThreadParams;
    readonly result: ThreadTurns;
  };
  readonly "session.rollbackThread": {
    readonly params: RollbackParams;
    readonly result: ThreadTurns;
  };
  readonly "tree.get": {
    readonly params: OptionalThreadParams;
    readonly result: Tree;
  };
  readonly "provider.list": {
    readonly params: ProviderParams;
    readonly result: ProviderList;
  };
  readonly "provider.status": {
    readonly params: ProviderParams;
    readonly result: ProviderList;
  };
  readonly "provider.models": {
    readonly params: ProviderParams;
    readonly result: ModelList;
  };
  readonly "mcp.status": {
    readonly params: McpParams;
    readonly result: McpServers;
  };
  readonly "mcp.add": {
    readonly params: McpParams;
    readonly result: McpServers;
  };
  readonly "mcp.connect": {
    readonly params: McpParams;
    readonly result: McpServers;
  };
  readonly "mcp.disconnect": {
    readonly params: McpParams;
    readonly result: McpServers;
  };
  readonly "snapshot.get": {
    readonly params: SnapshotParams;
    readonly result: Snapshot;
  };
  readonly "events.read": {
    readonly params: EventsReadParams;
    readonly result: EventsPage;
  };
  readonly "subscribe": {
    readonly params: SubscribeParams;
    readonly result: Empty;
  };
  readonly "metrics.get": {
    readonly params: NoParams;
    readonly result: MetricsResult;
  };
  readonly "diagnostics.get": {
    readonly params: OptionalThreadParams;
    readonly result: DiagnosticsResult;
  };
  readonly "sidecar.shutdown": {
    readonly params: ShutdownParams;
    readonly result: Done;
  };
}

export type MethodName = keyof Methods;

export interface MethodFlags {
  readonly lane: Lane;
  /** The params need an `idempotencyKey`. */
  readonly idempotent: boolean;
  /** The result carries `at`. */
  readonly mutating: boolean;
  readonly deadlineMs: number;
}

export const METHODS: { readonly [M in MethodName]: MethodFlags } = {
  "session.start": { lane: "ordered", idempotent: true, mutating: true, deadlineMs: 120000 },
  "session.sendTurn": { lane: "ordered", idempotent: true, mutating: true, deadlineMs: 60000 },
  "session.interrupt": { lane: "express", idempotent: false, mutating: true, deadlineMs: 30000 },
  "session.respondToRequest": { lane: "express", idempotent: true, mutating: true, deadlineMs: 30000 },
  "session.respondToUserInput": { lane: "express", idempotent: true, mutating: true, deadlineMs: 30000 },
  "session.setConfig": { lane: "ordered", idempotent: false, mutating: true, deadlineMs: 30000 },
  "session.stop": { lane: "express", idempotent: false, mutating: true, deadlineMs: 60000 },
  "session.restart": { lane: "ordered", idempotent: true, mutating: true, deadlineMs: 120000 },
  "session.get": { lane: "free", idempotent: false, mutating: false, deadlineMs: 30000 },
  "session.list": { lane: "free", idempotent: false, mutating: false, deadlineMs: 30000 },
  "session.stopAll": { lane: "free", idempotent: false, mutating: true, deadlineMs: 60000 },
  "session.readThread": { lane: "ordered", idempotent: false, mutating: false, deadlineMs: 30000 },
  "session.rollbackThread": { lane: "ordered", idempotent: false, mutating: true, deadlineMs: 30000 },
  "tree.get": { lane: "free", idempotent: false, mutating: false, deadlineMs: 30000 },
  "provider.list": { lane: "free", idempotent: false, mutating: false, deadlineMs: 30000 },
  "provider.status": { lane: "free", idempotent: false, mutating: false, deadlineMs: 30000 },
  "provider.models": { lane: "free", idempotent: false, mutating: false, deadlineMs: 30000 },
  "mcp.status": { lane: "ordered", idempotent: false, mutating: false, deadlineMs: 30000 },
  "mcp.add": { lane: "ordered", idempotent: false, mutating: true, deadlineMs: 30000 },
  "mcp.connect": { lane: "ordered", idempotent: false, mutating: true, deadlineMs: 30000 },
  "mcp.disconnect": { lane: "ordered", idempotent: false, mutating: true, deadlineMs: 30000 },
  "snapshot.get": { lane: "free", idempotent: false, mutating: false, deadlineMs: 30000 },
  "events.read": { lane: "free", idempotent: false, mutating: false, deadlineMs: 30000 },
  "subscribe": { lane: "free", idempotent: false, mutating: false, deadlineMs: 30000 },
  "metrics.get": { lane: "free", idempotent: false, mutating: false, deadlineMs: 30000 },
  "diagnostics.get": { lane: "free", idempotent: false, mutating: false, deadlineMs: 30000 },
  "sidecar.shutdown": { lane: "free", idempotent: false, mutating: true, deadlineMs: 30000 },
};

export type IdempotentMethod =
  | "session.start"
  | "session.sendTurn"
  | "session.respondToRequest"
  | "session.respondToUserInput"
  | "session.restart";

/** Params of the notifications that the server sends. */
export interface ServerNotifications {
  readonly gap: Gap;
  readonly snapshot: Snapshot;
  readonly synchronized: Synchronized;
  readonly events: Events;
  readonly advance: Advance;
  readonly ephemeral: Ephemeral;
  readonly journal: JournalNotice;
  readonly heartbeat: Heartbeat;
  readonly goodbye: Goodbye;
  readonly chunk: Chunk;
}

/** Params of the notifications that a client sends. */
export interface ClientNotifications {
  readonly ack: Ack;
  readonly cancel: Cancel;
  readonly heartbeat: Heartbeat;
  readonly chunk: Chunk;
}

/** Every error by key. */
export const ERRORS = {
  invalid_request: { code: -32600, retryable: false },
  method_not_found: { code: -32601, retryable: false },
  invalid_params: { code: -32602, retryable: false },
  internal: { code: -32603, retryable: false },
  overloaded: { code: -32001, retryable: true },
  not_initialised: { code: -32002, retryable: false },
  cancelled: { code: -32800, retryable: false },
  session_not_found: { code: -32010, retryable: false },
  session_closed: { code: -32011, retryable: false },
  provider_request: { code: -32012, retryable: false },
  provider_process: { code: -32013, retryable: false },
  validation: { code: -32014, retryable: false },
  unsupported: { code: -32015, retryable: false },
  stale_generation: { code: -32016, retryable: false },
  limit_exceeded: { code: -32017, retryable: false },
  shutting_down: { code: -32018, retryable: false },
  outcome_unknown: { code: -32019, retryable: false },
} as const;

export type ErrorKey = keyof typeof ERRORS;

/** WebSocket close codes. */
export const CLOSE_CODES = {
  /** the sidecar goes down */
  SHUTDOWN: 1001,
  /** a text message */
  TEXT_FRAME: 1003,
  /** a message that is not one MessagePack value */
  NOT_MSGPACK: 1007,
  /** a WebSocket message over `limits.messageBytes` */
  FRAME_TOO_LARGE: 1009,
  /** the bridge failed; its log tells why */
  DEFECT: 1011,
  /** a message of a wrong shape, or out of order */
  BAD_MESSAGE: 4400,
  /** a wrong `auth`; trying again does not help */
  UNAUTHENTICATED: 4401,
  /** no protocol version in common */
  NO_COMMON_PROTOCOL: 4406,
  /** nothing was received for three heartbeat intervals */
  SILENT: 4408,
  /** another connection has taken this `client.id` over; do not reconnect */
  REPLACED: 4409,
  /** a message over `limits.transferBytes`, or unread responses */
  TRANSFER_TOO_LARGE: 4413,
  /** too many connections */
  TOO_MANY_CONNECTIONS: 4429,
} as const;
