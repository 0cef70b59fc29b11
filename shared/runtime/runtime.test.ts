import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { z } from "zod";
import { PomonaError } from "../core/errors.ts";
import { Lifecycle } from "./lifecycle.ts";
import { environmentName, loadConfig } from "./load-config.ts";
import { createLogger, createSilentLogger } from "./logger.ts";
import { randomId, randomSeed } from "./random-id.ts";

const log = createSilentLogger();

function part(name: string, order: string[]): { name: string; start: () => string; stop: (value: string) => void } {
  return {
    name,
    start: () => {
      order.push(`start ${name}`);
      return name.toUpperCase();
    },
    stop: (value) => void order.push(`stop ${value}`),
  };
}

test("parts start in order and stop in reverse, once", async () => {
  const lifecycle = new Lifecycle({ log });
  const order: string[] = [];
  assert.equal(await lifecycle.start(part("a", order)), "A");
  await lifecycle.start(part("b", order));
  await Promise.all([lifecycle.stop(), lifecycle.stop()]);
  assert.deepEqual(order, ["start a", "start b", "stop B", "stop A"]);
});

test("a part that fails to start stops those before it and throws its own error", async () => {
  const lifecycle = new Lifecycle({ log });
  const order: string[] = [];
  await lifecycle.start(part("a", order));
  const failing = { name: "b", start: () => Promise.reject(new Error("port taken")), stop: () => {} };
  await assert.rejects(lifecycle.start(failing), { message: "port taken" });
  assert.deepEqual(order, ["start a", "stop A"]);
});

test("a part that hangs or throws at its stop does not keep the others", async () => {
  const lifecycle = new Lifecycle({ log });
  const order: string[] = [];
  await lifecycle.start(part("a", order));
  const hanging = { name: "hangs", start: () => null, stop: () => new Promise<void>(() => {}), stopTimeoutMs: 20 };
  await lifecycle.start(hanging);
  const throwing = { name: "throws", start: () => null, stop: () => Promise.reject(new Error("no")) };
  await lifecycle.start(throwing);
  await lifecycle.stop();
  assert.deepEqual(order, ["start a", "stop A"]);
});

test("a part that comes up while the process stops is stopped at once", async () => {
  const lifecycle = new Lifecycle({ log });
  const order: string[] = [];
  let finish: (value: string) => void = () => {};
  const slow = { ...part("slow", order), start: () => new Promise<string>((resolve) => (finish = resolve)) };
  const starting = lifecycle.start(slow);
  await lifecycle.stop();
  finish("SLOW");
  await starting;
  assert.deepEqual(order, ["stop SLOW"]);
});

test("prompts, answers and keys never reach the log", () => {
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ name: "test", level: "info", stream });
  const secret = "sk-verysecret";
  const nested = { content: secret, authorization: secret, model: "tiny" };
  logger.info({ prompt: secret, text: secret, apiKey: secret, request: nested, a: { b: { prompt: secret } } }, "event");
  assert.equal(lines.length, 1);
  assert(!lines[0]?.includes(secret), lines[0]);
  assert(lines[0]?.includes("tiny"));
});

test("ids are 32 hex digits and seeds are safe integers", () => {
  for (let count = 0; count < 1000; count += 1) {
    assert.match(randomId(), /^[0-9a-f]{32}$/);
    assert(Number.isSafeInteger(randomSeed()) && randomSeed() >= 0);
  }
});

const schema = z.strictObject({
  httpPort: z.number().int().min(0).max(65_535).default(8484),
  host: z.string().default("127.0.0.1"),
  natsUrls: z.array(z.string()).default([]),
  mdns: z.boolean().default(true),
  cluster: z.string().nullable().default(null),
});

function load(sources: { flags?: object; environment?: Record<string, string>; yaml?: string; section?: string }) {
  const directory = mkdtempSync(join(tmpdir(), "pomona-config-"));
  const file = join(directory, "pomona.yaml");
  if (sources.yaml !== undefined) writeFileSync(file, sources.yaml);
  const { flags = {}, environment = {}, section = null } = sources;
  try {
    return loadConfig({ schema, flags: { ...flags }, environment, file, section, isFileOptional: true });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test("flags win over the environment, that over the file, that over the preset", () => {
  const yaml = "httpPort: 1\nhost: file\ncluster: file\n";
  const environment = { POMONA_HTTP_PORT: "2", POMONA_HOST: "environment", POMONA_UNRELATED: "x" };
  const config = load({ yaml, environment, flags: { httpPort: 3, host: undefined } });
  assert.deepEqual(config, { httpPort: 3, host: "environment", cluster: "file", natsUrls: [], mdns: true });
});

test("environment variables become what their field takes", () => {
  const environment = {
    POMONA_HTTP_PORT: "9",
    POMONA_MDNS: "false",
    POMONA_NATS_URLS: "nats://a, nats://b",
    POMONA_CLUSTER: "123",
  };
  const config = load({ environment });
  assert.deepEqual(config, {
    httpPort: 9,
    host: "127.0.0.1",
    mdns: false,
    natsUrls: ["nats://a", "nats://b"],
    cluster: "123",
  });
  assert.equal(environmentName("natsUrls"), "POMONA_NATS_URLS");
});

test("a section of the file is this process's own", () => {
  assert.equal(
    load({ yaml: "coordinator: {httpPort: 5}\nagent: {grpcPort: 6}\n", section: "coordinator" }).httpPort,
    5,
  );
});

test("all problems of a configuration are told at once, with their paths", () => {
  const wrong = (): unknown => load({ yaml: "httpPort: 70000\nhots: x\n", environment: { POMONA_MDNS: "maybe" } });
  assert.throws(wrong, (error: unknown) => {
    assert(error instanceof PomonaError);
    assert.equal(error.code, "setup_failed");
    for (const path of ["httpPort", "hots", "mdns"]) assert.match(error.message, new RegExp(path));
    return true;
  });
});

test("a file that is not YAML, or is named and missing, is setup_failed", () => {
  assert.throws(() => load({ yaml: "a: [" }), { code: "setup_failed" });
  const missing = {
    schema,
    flags: {},
    environment: {},
    file: "/nowhere/pomona.yaml",
    section: null,
    isFileOptional: false,
  };
  assert.throws(() => loadConfig(missing), { code: "setup_failed", message: /\/nowhere\/pomona\.yaml/ });
});
