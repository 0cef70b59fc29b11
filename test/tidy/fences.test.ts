// The fences hold: each planted fault is reported by the linter, by its rule.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { root } from "./repository.ts";

const folder = mkdtempSync(join(tmpdir(), "pomona-fences-"));

const pure = "export const x = 1;\n";
const faults: readonly (readonly [string, string, string])[] = [
  ["shared/core/a.ts", "noRestrictedGlobals", "export const now = (): number => Date.now();\n"],
  [
    "shared/core/b.ts",
    "noRestrictedImports",
    'import { readFileSync } from "node:fs";\nexport const read = readFileSync;\n',
  ],
  [
    "shared/core/c.ts",
    "noRestrictedImports",
    'import { createLogger } from "../runtime/logger.ts";\nexport const log = createLogger;\n',
  ],
  ["coordinator/core/a.ts", "noRestrictedGlobals", "export const later = setTimeout;\n"],
  ["coordinator/core/b.ts", "noRestrictedImports", 'import { x } from "../http/x.ts";\nexport const y = x;\n'],
  ["coordinator/core/c.ts", "noRestrictedImports", 'import { x } from "@pomona/shared/grpc/x";\nexport const y = x;\n'],
  ["coordinator/core/d.ts", "noRestrictedGlobals", "export const later = Promise.resolve;\n"],
  ["coordinator/grpc/a.ts", "noRestrictedImports", 'import { x } from "../coordinator.ts";\nexport const y = x;\n'],
  ["coordinator/a.ts", "noRestrictedImports", 'import { x } from "@pomona/node-agent/main";\nexport const y = x;\n'],
  ["node-agent/core/a.ts", "noRestrictedImports", 'import { x } from "../engine/engine.ts";\nexport const y = x;\n'],
  [
    "node-agent/engine/a.ts",
    "noRestrictedImports",
    'import { x } from "@pomona/coordinator/main";\nexport const y = x;\n',
  ],
  [
    "simulator/a.ts",
    "noRestrictedImports",
    'import { x } from "@pomona/coordinator/coordinator";\nexport const y = x;\n',
  ],
  ["shared/nats/a.ts", "noRestrictedImports", 'import { x } from "@pomona/coordinator/core/x";\nexport const y = x;\n'],
  ["cli/a.ts", "noExplicitAny", "export const x = (y: any): unknown => y;\n"],
  ["cli/b.ts", "noNonNullAssertion", "export const x = (y: string | null): string => y!;\n"],
  ["cli/c.ts", "noDefaultExport", "export default 1;\n"],
  ["cli/d.ts", "noEnum", "export enum X {\n  A,\n}\n"],
  ["cli/e.ts", "useMaxParams", "export const x = (a: 1, b: 1, c: 1, d: 1): number => a + b + c + d;\n"],
  ["cli/f.ts", "noExcessiveLinesPerFunction", `export function x(): void {\n${"  globalThis.name;\n".repeat(70)}}\n`],
  ["cli/g.ts", "noBarrelFile", 'export { x } from "./pure.ts";\n'],
  ["cli/h.ts", "noFloatingPromises", "async function x(): Promise<void> {}\nexport function y(): void {\n  x();\n}\n"],
  [
    "cli/i.ts",
    "useExhaustiveSwitchCases",
    'export function x(y: "a" | "b"): number {\n  switch (y) {\n    case "a":\n      return 1;\n  }\n  return 0;\n}\n',
  ],
  ["cli/j.ts", "noImportCycles", 'import { k } from "./k.ts";\nexport const j = (): unknown => k;\n'],
  ["cli/l.ts", "noUndeclaredDependencies", 'import { x } from "left-pad";\nexport const y = x;\n'],
];

function plant(path: string, content: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content);
}

before(() => {
  cpSync(join(root, "biome.json"), join(folder, "biome.json"));
  for (const name of ["shared", "coordinator", "node-agent", "simulator", "cli"]) {
    plant(`${name}/package.json`, JSON.stringify({ name: `@pomona/${name}`, version: "0.1.0" }));
  }
  plant("package.json", JSON.stringify({ name: "fences", version: "0.1.0", workspaces: ["*"] }));
  plant(".gitignore", "node_modules\n");
  for (const path of ["cli/pure.ts", "coordinator/http/x.ts", "coordinator/coordinator.ts"]) plant(path, pure);
  plant("cli/k.ts", 'import { j } from "./j.ts";\nexport const k = (): unknown => j;\n');
  for (const [path, , content] of faults) plant(path, content);
});

after(() => rmSync(folder, { recursive: true, force: true }));

/** Names of the rules that the linter reports for a file. */
function rulesBroken(path: string): string[] {
  const biome = join(root, "node_modules/.bin/biome");
  const run = spawnSync(biome, ["lint", "--reporter=json", path], { cwd: folder, encoding: "utf8" });
  // The reporter's own shape: a list of diagnostics, each with the category lint/GROUP/RULE.
  const { diagnostics } = JSON.parse(run.stdout) as { diagnostics: { category?: string; severity: string }[] };
  return diagnostics
    .filter(({ severity }) => severity === "error")
    .map(({ category }) => category?.split("/").at(-1) ?? "");
}

for (const [path, rule] of faults) {
  test(`${rule} is an error in ${path}`, () => {
    assert.ok(rulesBroken(path).includes(rule), `${path}: ${rulesBroken(path).join(", ") || "nothing reported"}`);
  });
}

test("a file without a fault is not reported", () => {
  assert.deepEqual(rulesBroken("cli/pure.ts"), []);
});
