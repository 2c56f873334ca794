/** The sidecar's one line on stdout: ready or failed (PROTOCOL §1). Pure. */

import type { ReadyLine } from "../generated/contract.js";
import { LaunchFailed } from "../errors.js";
import { isMap, type Fields } from "../wire/shape.js";

/** Read the line. Throws LaunchFailed: with the sidecar's code, or `bad_ready_line`. */
export function readFirstLine(line: string): ReadyLine {
  const fields = parsed(line);
  if (fields?.["event"] === "failed") {
    const { code, message, pid } = fields;
    throw new LaunchFailed(
      typeof message === "string" ? message : "The sidecar could not start and gave no reason",
      {
        code: typeof code === "string" ? code : "failed",
        ...(typeof pid === "number" ? { pid } : {}),
      },
    );
  }
  if (fields === null || !isReady(fields)) {
    throw new LaunchFailed(
      `The first line of the sidecar is no ready line: ${JSON.stringify(line.slice(0, 200))}`,
      { code: "bad_ready_line" },
    );
  }
  return fields;
}

function parsed(line: string): Fields | null {
  try {
    const value: unknown = JSON.parse(line);
    return isMap(value) ? value : null;
  } catch {
    // What is no JSON is no ready line; the caller quotes it.
    return null;
  }
}

function isReady(fields: Fields): fields is ReadyLine & Fields {
  return (
    fields["event"] === "ready" &&
    typeof fields["pid"] === "number" &&
    typeof fields["url"] === "string" &&
    // The token's proof would be given to whoever is there: only this machine is asked.
    /^ws:\/\/(127\.0\.0\.1|localhost):\d+\//u.test(fields["url"])
  );
}
