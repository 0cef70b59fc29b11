import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type TemporaryDirectory = { readonly path: string; remove(): void };

/** A new directory of this test's own. */
export function createTemporaryDirectory(name: string): TemporaryDirectory {
  const path = mkdtempSync(join(tmpdir(), `pomona-${name}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
