/** Wire types, until generated/contract.ts exists. */

export interface ErrorBody {
  readonly code: number;
  readonly key: string;
  readonly message: string;
  readonly retryable?: boolean;
  readonly data?: Record<string, unknown>;
}

export interface Resume {
  readonly logId: string;
  readonly epoch: number;
  readonly cursor: number;
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
  readonly reason?: string;
}

export interface ReadyLine {
  readonly event: "ready";
  readonly pid: number;
  readonly port: number;
  readonly url: string;
  readonly protocol: number;
  readonly instance: string;
  readonly version: string;
  readonly logId: string;
  readonly epoch: number;
  readonly journalReset?: string;
}

export interface SidecarEvent {
  readonly eventId: string;
  readonly provider: string;
  readonly threadId: string;
  readonly createdAt: string;
  readonly type: string;
  readonly payload: Record<string, unknown>;
  readonly generation: number;
  readonly providerInstanceId?: string;
  readonly turnId?: string;
  readonly itemId?: string;
  readonly requestId?: string;
}

export interface SnapshotState {
  readonly sessions: Record<string, Record<string, unknown>>;
}

export interface MethodMap {
  "session.start": {
    params: {
      idempotencyKey: string;
      threadId: string;
      provider: string;
      runtimeMode: string;
      options?: object;
    };
    result: Record<string, unknown>;
  };
  "session.sendTurn": {
    params: { idempotencyKey: string; threadId: string; input?: string };
    result: { threadId: string; turnId: string };
  };
  "session.list": { params: Record<string, never>; result: { sessions: unknown[] } };
  "session.get": { params: { threadId: string }; result: Record<string, unknown> };
  "session.stopAll": { params: Record<string, never>; result: { stopped: number } };
  "sidecar.shutdown": { params: { deadlineMs?: number }; result: Record<string, unknown> };
  subscribe: { params: { threads?: string[] | null }; result: Record<string, unknown> };
}
export type MethodName = keyof MethodMap;
export type ParamsOf<M extends MethodName> = MethodMap[M]["params"];
export type ResultOf<M extends MethodName> = MethodMap[M]["result"];
export const METHODS: Record<MethodName, { idempotent: boolean; deadlineMs: number }> = {
  "session.start": { idempotent: true, deadlineMs: 120_000 },
  "session.sendTurn": { idempotent: true, deadlineMs: 60_000 },
  "session.list": { idempotent: false, deadlineMs: 30_000 },
  "session.get": { idempotent: false, deadlineMs: 30_000 },
  "session.stopAll": { idempotent: false, deadlineMs: 60_000 },
  "sidecar.shutdown": { idempotent: false, deadlineMs: 30_000 },
  subscribe: { idempotent: false, deadlineMs: 30_000 },
};
