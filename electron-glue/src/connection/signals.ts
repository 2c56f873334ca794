/** What a connection says to its owner, in the order in which the server said it. */

import type { Ephemeral, GapReason, HelloResult, JournalState } from "../generated/contract.js";
import type { Answer } from "../wire/messages.js";
import type { Fields } from "../wire/shape.js";
import type { SidecarError } from "../errors.js";

/** One event as it crosses: its seq and the bytes of its body. */
export type SeqBody = readonly [seq: number, body: Uint8Array];

export type Signal =
  | { readonly is: "welcome"; readonly welcome: HelloResult }
  | { readonly is: "events"; readonly list: readonly SeqBody[] }
  | { readonly is: "advance"; readonly seq: number }
  | { readonly is: "gap"; readonly from: number; readonly to: number; readonly reason: GapReason }
  | {
      readonly is: "snapshot";
      readonly at: number;
      readonly epoch: number;
      readonly state: Fields;
      readonly bytes: number;
    }
  | { readonly is: "synchronized"; readonly head: number }
  | { readonly is: "answer"; readonly id: number; readonly answer: Answer }
  | { readonly is: "journal"; readonly state: JournalState; readonly message: string | null }
  | { readonly is: "ephemeral"; readonly notice: Ephemeral }
  | { readonly is: "heartbeat"; readonly head: number | null; readonly sent: number | null }
  | { readonly is: "goodbye"; readonly reason: string };

/** What the protocol wants done: bytes to send, a signal to hand on, or the end. */
export type Output =
  | { readonly do: "send"; readonly bytes: Uint8Array }
  | { readonly do: "signal"; readonly signal: Signal }
  | { readonly do: "close"; readonly code: number; readonly error: SidecarError };
