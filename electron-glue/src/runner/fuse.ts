/**
 * Electron's runAsNode fuse, read from the program itself.
 *
 * With the fuse off, ELECTRON_RUN_AS_NODE is ignored and the program starts as a second app: so
 * nobody may guess. A fuse is a byte behind a sentinel in Electron's binary (@electron/fuses).
 */

import { createReadStream } from "node:fs";
import { join } from "node:path";

/** `absent`: no fuse wire was found, so this is no Electron, or one from before fuses. */
export type FuseState = "on" | "off" | "absent";

const SENTINEL = Buffer.from("dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX");
/** Behind the sentinel: version, number of fuses, and then the first fuse, which is runAsNode. */
const HEADER_BYTES = 3;
const WIRE_VERSION = 1;
const ON = "1".charCodeAt(0);

/** Read the fuse of the program at `execPath`. Every wire has to say yes: a universal binary has two. */
export async function readRunAsNodeFuse(
  execPath: string,
  platform: NodeJS.Platform = process.platform,
): Promise<FuseState> {
  let found = false;
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(fuseFile(execPath, platform))) {
    const bytes = Buffer.concat([rest, chunk as Buffer]);
    const wires = firstFuses(bytes);
    if (wires.some((fuse) => fuse !== ON)) return "off";
    found ||= wires.length > 0;
    // So short that no wire is seen twice, so long that none is cut.
    rest = bytes.subarray(-(SENTINEL.length + HEADER_BYTES - 1));
  }
  return found ? "on" : "absent";
}

/** On macOS the program is a stub, and the fuses are in the framework beside it. */
function fuseFile(execPath: string, platform: NodeJS.Platform): string {
  if (platform !== "darwin") return execPath;
  const framework = "Electron Framework.framework/Electron Framework";
  return join(execPath, "../../Frameworks", framework);
}

function firstFuses(bytes: Buffer): number[] {
  const fuses: number[] = [];
  for (let at = bytes.indexOf(SENTINEL); at >= 0; at = bytes.indexOf(SENTINEL, at + 1)) {
    const wire = at + SENTINEL.length;
    const fuse = bytes[wire + HEADER_BYTES - 1];
    // The sentinel alone, as in a program that looks for it, is no wire.
    if (fuse !== undefined && bytes[wire] === WIRE_VERSION) fuses.push(fuse);
  }
  return fuses;
}
