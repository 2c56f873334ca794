import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { clientAuth, newNonce, newToken, proofIsGood, serverProof } from "../src/handshake.js";

// Made with Python: hmac.new(b"0123456789abcdef", b"client" + bytes(range(16)), "sha256")
const TOKEN = "0123456789abcdef";
const NONCE = Uint8Array.from({ length: 16 }, (_, index) => index);
const AUTH = "8a236309a348bb3d194c7fd5798a9a0f473edf8903d7c8e1af2927454a46b37b";
const PROOF = "16077b9110b24b305daaa6f1500d6c3f91c248dd76dd525b4ef174ce203f9220";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe("handshake", () => {
  it("makes the proofs that another implementation makes", () => {
    assert.equal(hex(clientAuth(TOKEN, NONCE)), AUTH);
    assert.equal(hex(serverProof(TOKEN, NONCE, "instance-ü")), PROOF);
  });

  it("takes the right proof alone", () => {
    const proof = serverProof(TOKEN, NONCE, "i");
    assert.ok(proofIsGood(TOKEN, NONCE, "i", proof));
    assert.ok(!proofIsGood(TOKEN, NONCE, "j", proof));
    assert.ok(!proofIsGood("other", NONCE, "i", proof));
    assert.ok(!proofIsGood(TOKEN, newNonce(), "i", proof));
    assert.ok(!proofIsGood(TOKEN, NONCE, "i", proof.subarray(0, 31)));
    assert.ok(!proofIsGood(TOKEN, NONCE, "i", new Uint8Array()));
    assert.ok(!proofIsGood(TOKEN, NONCE, "i", clientAuth(TOKEN, NONCE)));
  });

  it("draws tokens of 32 bytes in hex and nonces of at least 16", () => {
    assert.match(newToken(), /^[0-9a-f]{64}$/);
    assert.notEqual(newToken(), newToken());
    assert.ok(newNonce().length >= 16);
  });
});
