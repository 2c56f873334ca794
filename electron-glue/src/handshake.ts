/**
 * The handshake's proofs (PROTOCOL §3): both sides show that they know the token; it never travels.
 *
 * auth = HMAC-SHA256(token, "client" + nonce), proof = HMAC-SHA256(token, "server" + nonce +
 * instance). The key is the token's text as given; strings are UTF-8.
 */

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** Twice the protocol's least: a nonce is drawn once a connection. */
const NONCE_BYTES = 32;

/** As the bootstrap wants it: 32 random bytes in hex. */
const TOKEN_BYTES = 32;

export function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString("hex");
}

export function newNonce(): Uint8Array {
  return new Uint8Array(randomBytes(NONCE_BYTES));
}

export function clientAuth(token: string, nonce: Uint8Array): Uint8Array {
  return hmac(token, "client", nonce);
}

export function serverProof(token: string, nonce: Uint8Array, instance: string): Uint8Array {
  return hmac(token, "server", nonce, Buffer.from(instance, "utf8"));
}

/** Whether `proof` is the server's, compared in constant time. */
export function proofIsGood(
  token: string,
  nonce: Uint8Array,
  instance: string,
  proof: Uint8Array,
): boolean {
  const wanted = serverProof(token, nonce, instance);
  return proof.length === wanted.length && timingSafeEqual(proof, wanted);
}

function hmac(token: string, ...parts: (string | Uint8Array)[]): Uint8Array {
  const mac = createHmac("sha256", Buffer.from(token, "utf8"));
  for (const part of parts) mac.update(part);
  return new Uint8Array(mac.digest());
}
