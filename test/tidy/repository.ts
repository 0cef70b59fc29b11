import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The root of the checkout. */
export const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Files that git tracks or would track, by their path from the root. */
export function trackedFiles(): string[] {
  const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { cwd: root });
  return listed.toString().trim().split("\n");
}

export function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}
