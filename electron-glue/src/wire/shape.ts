/** Checks of decoded values: what a message must have before anything is done with it. */

import { ProtocolViolation } from "../errors.js";

export type Fields = Readonly<Record<string, unknown>>;

export function isMap(value: unknown): value is Fields {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array)
  );
}

/** Whether `value` is an integer of the wire: 0…2^53−1. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function mapOf(value: unknown, what: string): Fields {
  if (!isMap(value)) throw new ProtocolViolation(`${what} is not a map`);
  return value;
}

export function countOf(fields: Fields, name: string, what: string): number {
  const value = fields[name];
  if (!isCount(value)) throw new ProtocolViolation(`${what}.${name} is not an integer 0…2^53−1`);
  return value;
}

export function textOf(fields: Fields, name: string, what: string): string {
  const value = fields[name];
  if (typeof value !== "string" || value === "") {
    throw new ProtocolViolation(`${what}.${name} is not a non-empty string`);
  }
  return value;
}

export function bytesOf(value: unknown, what: string): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new ProtocolViolation(`${what} is not bin`);
  return value;
}
