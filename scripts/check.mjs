// npm run check: format, lint, types, unused code, wire format, generated code. Says all that is wrong, then fails.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installClients, root } from "./setup.mjs";

const bin = (name) => join(root, "node_modules", ".bin", name);
const failures = [];

function step(title, [program, ...args], cwd = root) {
  process.stdout.write(`== ${title}\n`);
  if (spawnSync(program, args, { cwd, stdio: "inherit" }).status !== 0) failures.push(title);
}

function filesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length))
    .sort();
}

function checkGenerated() {
  process.stdout.write("== generated code is current\n");
  const fresh = mkdtempSync(join(tmpdir(), "pomona-generated-"));
  execFileSync(process.execPath, [join(root, "scripts/generate.mjs"), fresh]);
  const committed = join(root, "proto/generated");
  const differs = (path) => readFileSync(fresh + path, "utf8") !== readFileSync(committed + path, "utf8");
  const isSame = filesOf(fresh).join() === filesOf(committed).join() && !filesOf(fresh).some(differs);
  rmSync(fresh, { recursive: true, force: true });
  if (isSame) return;
  process.stdout.write("proto/generated is not what proto/pomona/v1 makes: run `npm run generate`\n");
  failures.push("generated code");
}

installClients();
step("format and lint", [bin("biome"), "ci", "."]);
step("types", [bin("tsc"), "--build", ".", "test/clients"]);
step("unused code", [bin("knip"), "--no-progress"]);
step("wire format", [bin("buf"), "lint"], join(root, "proto"));
checkGenerated();
if (failures.length > 0) {
  process.stdout.write(`failed: ${failures.join(", ")}\n`);
  process.exit(1);
}
