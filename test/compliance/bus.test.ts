import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { connectBus } from "@pomona/shared/nats/connect-bus";
import { FakeNats } from "@pomona/shared/nats/fake-bus";
import { startNatsServer } from "@pomona/shared/nats/nats-server";
import { createSilentLogger } from "@pomona/shared/runtime/logger";
import { natsSkipReason, startTestNatsServer } from "../support/nats-server.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { waitFor } from "../support/wait-for.ts";
import { type BusWorld, busCompliance } from "./bus-compliance.ts";

async function startFake(): Promise<BusWorld> {
  const nats = new FakeNats();
  return {
    connect: (options) => nats.connect(options),
    stopServer: async () => nats.stop(),
    startServer: async () => nats.start(),
    close: async () => {},
  };
}

async function startReal(): Promise<BusWorld> {
  const server = await startTestNatsServer();
  const log = createSilentLogger();
  return {
    connect: (options) => connectBus({ urls: [server.url], name: "test", log, ...options }),
    stopServer: () => server.kill(),
    startServer: () => server.restart(),
    close: () => server.close(),
  };
}

busCompliance("in memory", startFake, false);
busCompliance("nats-server", startReal, natsSkipReason);

test("nats-server keeps its JetStream files in the state directory", { skip: natsSkipReason }, async () => {
  const directory = createTemporaryDirectory("nats");
  const server = await startNatsServer({ stateDir: directory.path, host: "127.0.0.1", port: 0 });
  assert(existsSync(join(directory.path, "jetstream")));
  await server.close();
  assert.throws(() => process.kill(server.pid, 0), "the process is gone");
  directory.remove();
});

test("a taken NATS port is setup_failed and names the port", { skip: natsSkipReason }, async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
  const address = holder.address();
  assert(address !== null && typeof address === "object");
  const directory = createTemporaryDirectory("nats");
  const start = startNatsServer({ stateDir: directory.path, host: "127.0.0.1", port: address.port });
  await assert.rejects(start, { code: "setup_failed", message: new RegExp(`NATS port ${address.port} .* in use`) });
  directory.remove();
  await new Promise((resolve) => holder.close(resolve));
});

test("a machine without nats-server is told how to get it", async () => {
  const directory = createTemporaryDirectory("nats");
  const start = startNatsServer({ stateDir: directory.path, host: "127.0.0.1", port: 0, searchPath: [directory.path] });
  await assert.rejects(start, {
    code: "setup_failed",
    message: /apt-get install nats-server.*brew install nats-server/,
  });
  directory.remove();
});

test("a nats-server that ends at its start is setup_failed with where to look", async () => {
  const directory = createTemporaryDirectory("nats");
  const program = join(directory.path, "nats-server");
  writeFileSync(program, "#!/bin/sh\nexit 3\n");
  chmodSync(program, 0o755);
  const start = startNatsServer({ stateDir: directory.path, host: "127.0.0.1", port: 0, searchPath: [directory.path] });
  await assert.rejects(start, { code: "setup_failed", message: /nats-server\.log/ });
  directory.remove();
});

test("a state directory that is a file is setup_failed with the fix", { skip: natsSkipReason }, async () => {
  const directory = createTemporaryDirectory("nats");
  const file = join(directory.path, "state");
  writeFileSync(file, "");
  const start = startNatsServer({ stateDir: file, host: "127.0.0.1", port: 0 });
  await assert.rejects(start, { code: "setup_failed", message: /--state-dir/ });
  directory.remove();
});

test("a nats-server ends with its owner, even when that is killed", { skip: natsSkipReason }, async () => {
  const directory = createTemporaryDirectory("nats");
  const script = fileURLToPath(new URL("../support/nats-owner.js", import.meta.url));
  const owner = spawn(process.execPath, [script, directory.path], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(owner.stdout, "data");
  const pid = Number(String(line));
  assert(isAlive(pid));
  owner.kill("SIGKILL");
  await waitFor(() => !isAlive(pid), 5000, "nats-server ends");
  directory.remove();
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
