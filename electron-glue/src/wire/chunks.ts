/**
 * Chunks: how a message over `limits.messageBytes` crosses (PROTOCOL §2).
 *
 * Sans-I/O. Owns cutting and joining; never knows what the joined bytes mean.
 */

import { ProtocolViolation } from "../errors.js";
import { CLOSE_CODES, LIMITS } from "../generated/contract.js";
import { CHUNK_OVERHEAD_BYTES } from "../limits.js";
import { notificationBytes } from "./messages.js";
import { bytesOf, countOf, type Fields } from "./shape.js";

/** Cut an encoded message into `chunk` notifications of at most `messageBytes` each. */
export function cutMessage(bytes: Uint8Array, cid: number, messageBytes: number): Uint8Array[] {
  const step = Math.max(1, Math.min(LIMITS.CHUNK_BYTES, messageBytes - CHUNK_OVERHEAD_BYTES));
  const count = Math.ceil(bytes.length / step);
  return Array.from({ length: count }, (_, index) => {
    const data = bytes.subarray(index * step, (index + 1) * step);
    return notificationBytes("chunk", { cid, index, count, data });
  });
}

interface Transfer {
  readonly cid: number;
  readonly count: number;
  readonly parts: Uint8Array[];
  bytes: number;
}

/** Joins the chunks of one direction: one transfer at a time, at most `transferBytes`. */
export class ChunkJoiner {
  #transfer: Transfer | null = null;
  readonly #transferBytes: number;

  constructor(transferBytes: number) {
    this.#transferBytes = transferBytes;
  }

  /** Bytes held for a transfer that is not complete. */
  get heldBytes(): number {
    return this.#transfer?.bytes ?? 0;
  }

  /**
   * Take the params of one `chunk`. Returns the joined message with the last one, else null.
   *
   * Throws ProtocolViolation: 4413 over the bound, 4400 for a chunk out of turn.
   */
  push(params: Fields): Uint8Array | null {
    const cid = countOf(params, "cid", "chunk");
    const index = countOf(params, "index", "chunk");
    const count = countOf(params, "count", "chunk");
    const data = bytesOf(params["data"], "chunk.data");
    const transfer = (this.#transfer ??= { cid, count, parts: [], bytes: 0 });
    if (transfer.cid !== cid || transfer.count !== count || transfer.parts.length !== index) {
      throw new ProtocolViolation(`Chunk ${cid}/${index} is out of turn`);
    }
    if (data.length === 0 || index >= count) {
      throw new ProtocolViolation(`Chunk ${cid}/${index} of ${count} is empty or past the end`);
    }
    transfer.bytes += data.length;
    if (transfer.bytes > this.#transferBytes) {
      throw new ProtocolViolation(
        `Transfer ${cid} is over ${this.#transferBytes} bytes`,
        CLOSE_CODES.TRANSFER_TOO_LARGE,
      );
    }
    // A copy: the chunk is a view of its whole message, which could then not be freed.
    transfer.parts.push(data.slice());
    if (transfer.parts.length < count) return null;
    this.#transfer = null;
    return joined(transfer);
  }
}

function joined(transfer: Transfer): Uint8Array {
  const whole = new Uint8Array(transfer.bytes);
  let offset = 0;
  for (const part of transfer.parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
