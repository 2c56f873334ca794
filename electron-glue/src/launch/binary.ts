/** Which program the sidecar is: told, named by the environment, or the one the app ships. */

import { statSync } from "node:fs";
import { join } from "node:path";

import { LaunchFailed } from "../errors.js";

/** What the answer depends on. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  /** Electron's `process.resourcesPath`; absent in plain Node. */
  readonly resourcesPath: string | undefined;
  readonly isFile: (path: string) => boolean;
}

export const BINARY_VARIABLE = "AGENT_SIDECAR_BINARY";

/**
 * Find the binary: `option`, else AGENT_SIDECAR_BINARY, else in the app's resources
 * `agent-sidecar/agent-sidecar` (onedir) or `agent-sidecar` (onefile), `.exe` on Windows.
 *
 * Throws LaunchFailed `not_found`, naming every place that was looked at.
 */
export function findBinary(option: string | undefined, where = surroundings()): string {
  const told = option ?? where.env[BINARY_VARIABLE];
  const places = told !== undefined && told !== "" ? [told] : shipped(where);
  const found = places.find((path) => where.isFile(path));
  if (found !== undefined) return found;
  const looked = places.length === 0 ? "nowhere: this is no Electron" : places.join(", ");
  throw new LaunchFailed(
    `The sidecar's binary was not found (looked at ${looked}). Name it by the option \`binary\` or by ${BINARY_VARIABLE}, or ship it in the app's resources`,
    { code: "not_found" },
  );
}

function shipped({ platform, resourcesPath }: Surroundings): string[] {
  if (resourcesPath === undefined) return [];
  const name = platform === "win32" ? "agent-sidecar.exe" : "agent-sidecar";
  return [join(resourcesPath, "agent-sidecar", name), join(resourcesPath, name)];
}

function surroundings(): Surroundings {
  const { resourcesPath } = process as { resourcesPath?: string };
  return { env: process.env, platform: process.platform, resourcesPath, isFile };
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
