/**
 * MessagePack-RPC with parameters by name (PROTOCOL §2): bytes to messages and back.
 *
 * Owns the three message shapes. Never knows what a method means.
 */

import { CLOSE_CODES, ERRORS, type ErrorBody } from "../generated/contract.js";
import { ProtocolViolation } from "../errors.js";
import { decodeValue, encodeValue } from "./codec.js";
import { isCount, isMap, mapOf, type Fields } from "./shape.js";

const REQUEST = 0;
const RESPONSE = 1;
const NOTIFICATION = 2;

export type Message =
  | { readonly kind: "response"; readonly id: number; readonly answer: Answer }
  | { readonly kind: "notification"; readonly method: string; readonly params: Fields };

export type Answer =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly error: ErrorBody };

export function requestBytes(id: number, method: string, params: object): Uint8Array {
  return encodeValue([REQUEST, id, method, params]);
}

export function notificationBytes(method: string, params: object): Uint8Array {
  return encodeValue([NOTIFICATION, method, params]);
}

/**
 * Read one message of the server.
 *
 * Throws ProtocolViolation: 1007 when the bytes are no MessagePack value, 4400 when the value is
 * no response or notification (the server sends no requests).
 */
export function readMessage(bytes: Uint8Array): Message {
  let value: unknown;
  try {
    value = decodeValue(bytes);
  } catch (error) {
    throw new ProtocolViolation("A message is not MessagePack", CLOSE_CODES.NOT_MSGPACK, error);
  }
  if (Array.isArray(value)) {
    const [kind, first, second, third] = value as unknown[];
    if (kind === NOTIFICATION && typeof first === "string") {
      const params = mapOf(second ?? {}, `params of ${first}`);
      return { kind: "notification", method: first, params };
    }
    if (kind === RESPONSE && isCount(first)) {
      return { kind: "response", id: first, answer: readAnswer(second, third) };
    }
  }
  throw new ProtocolViolation("A message is neither a response nor a notification");
}

function readAnswer(error: unknown, result: unknown): Answer {
  if (error === null || error === undefined) return { ok: true, result };
  if (!isMap(error)) throw new ProtocolViolation("An error is not a map");
  const { code, key, message, retryable, data } = error;
  return {
    ok: false,
    error: {
      code: typeof code === "number" ? code : ERRORS.internal.code,
      key: typeof key === "string" ? key : "internal",
      message: typeof message === "string" ? message : "The sidecar gave no reason",
      retryable: retryable === true,
      data: isMap(data) ? data : {},
    },
  };
}
