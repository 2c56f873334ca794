/**
 * MessagePack as PROTOCOL §2 wants it: absent and nil are the same, no extension types, bin is
 * Uint8Array, integers are exact up to 2^53−1.
 *
 * Owns the codec's settings. Never knows a message's shape.
 */

import { decode, encode, ExtensionCodec } from "@msgpack/msgpack";

/** Deepest nesting that is encoded: a value deeper than this is a mistake (or a cycle). */
const MAX_DEPTH = 100;

/** Refuses every extension type, also the library's own timestamp. */
class NoExtensions extends ExtensionCodec {
  override tryToEncode(object: unknown): null {
    if (object instanceof Date) throw new TypeError("A Date cannot be sent: use an ISO string");
    return null;
  }

  override decode(_data: Uint8Array, type: number): never {
    throw new RangeError(`MessagePack extension type ${type} is not allowed`);
  }
}

const PROTO = "__proto__";

/**
 * Renames a key `__proto__`, for which the library refuses the whole value. A model may write such
 * a key into a tool's arguments, and must not hide the event by it.
 */
const renamesProto = {
  canBeCached: (byteLength: number): boolean => byteLength === PROTO.length,
  decode(bytes: Uint8Array, offset: number, byteLength: number): string {
    const key = Buffer.from(bytes.buffer, bytes.byteOffset + offset, byteLength).toString("utf8");
    return key === PROTO ? "(__proto__)" : key;
  },
};

const extensionCodec = new NoExtensions();

/** Encode `value`. Throws TypeError or Error for what MessagePack cannot carry. */
export function encodeValue(value: unknown): Uint8Array {
  return encode(value, { extensionCodec, ignoreUndefined: true, maxDepth: MAX_DEPTH });
}

/** Decode exactly one value. Throws Error for bytes that are no single MessagePack value. */
export function decodeValue(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, { extensionCodec });
  } catch {
    // The careful way is the slow one (it has no key cache), hence only the second.
    return decode(bytes, { extensionCodec, keyDecoder: renamesProto });
  }
}
