import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openStateDirectory } from "./state-directory.ts";

const modulePath = new URL("./state-directory.js", import.meta.url).href;

/** Opens the directory, says so, and offers it when it is told to. */
const holder = `
  const { openStateDirectory } = await import(${JSON.stringify(modulePath)});
  const opened = await openStateDirectory(process.argv[1]);
  process.once("message", () => {
    opened.offer(() => {
      process.send("wanted");
      opened.release();
    });
    process.send("offered");
  });
  process.send("opened");
`;

function temporary(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "pomona-state-"));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

async function startHolder(t: TestContext, path: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", holder, path], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  t.after(() => child.kill("SIGKILL"));
  assert.deepEqual(await once(child, "message"), ["opened", undefined]);
  return child;
}

test("a directory that another living process has is refused, with its pid", async (t) => {
  const path = temporary(t);
  const child = await startHolder(t, path);
  await assert.rejects(openStateDirectory(path), { code: "setup_failed", message: new RegExp(`process ${child.pid}`) });
});

test("a process that stops hands its directory over to the one that waits for it, and takes nothing back", async (t) => {
  const path = temporary(t);
  const child = await startHolder(t, path);
  child.send("offer");
  assert.deepEqual(await once(child, "message"), ["offered", undefined]);
  // Nothing keeps it from then on.
  const [wanted, exited] = [once(child, "message"), once(child, "exit")];
  const opened = await openStateDirectory(path);
  assert.deepEqual(await wanted, ["wanted", undefined]);
  assert.equal(opened.incarnation, 2);
  await exited;
  assert.equal(readFileSync(join(path, "lock"), "utf8"), `${process.pid}\n`);
  opened.release();
  assert.equal(existsSync(join(path, "lock")), false);
  assert.equal(existsSync(join(path, "lock.wanted")), false);
});

test("what a process has left behind that was killed is taken", async (t) => {
  const path = temporary(t);
  const child = await startHolder(t, path);
  child.kill("SIGKILL");
  await once(child, "exit");
  (await openStateDirectory(path)).release();
  // Killed while it wrote its pid.
  writeFileSync(join(path, "lock"), "");
  const opened = await openStateDirectory(path);
  assert.equal(opened.incarnation, 3);
  opened.release();
});
