// Bodies that are made to cost: none keeps the coordinator long, and many at once leave it time between them. A link to a node
// is given up after 0.8 s without an answer.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { PoolProcess } from "../chaos/pool-process.ts";
import type { TurnAnswer, TurnQuestion } from "../support/longest-turn-preload.ts";
import { createTemporaryDirectory, type TemporaryDirectory } from "../support/temporary-directory.ts";

const preload = new URL("../support/longest-turn-preload.js", import.meta.url).href;
/** Of the processor's time; 65 ms at most were measured. */
const turnMsMax = 400;
const bodyBytes = 9_900_000;

let directory: TemporaryDirectory;
let coordinator: PoolProcess;
let http: string;

before(async () => {
  directory = createTemporaryDirectory("heavy-bodies");
  const state = ["--state-dir", directory.path];
  coordinator = await PoolProcess.start({
    args: ["coordinator", "--no-mdns", ...state, "--http-port", "0", "--grpc-port", "0"],
    nodeArgs: ["--import", preload],
  });
  http = coordinator.ready.http ?? "";
});
after(async () => {
  await coordinator?.close();
  directory?.remove();
});

async function longestTurnMs(): Promise<number> {
  const question: TurnQuestion = { asks: "longestTurn" };
  const answered = once(coordinator.child, "message", { signal: AbortSignal.timeout(30_000) });
  coordinator.child.send(question);
  const [answer] = await answered;
  // Of the preload's own making.
  return (answer as TurnAnswer).longestTurnMs;
}

async function send(path: string, body: string): Promise<number> {
  const response = await fetch(`${http}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
    signal: AbortSignal.timeout(60_000),
  });
  await response.text();
  return response.status;
}

/** As many as fit, each with its number. */
function full(item: (index: number) => string): string {
  return list(Math.floor(bodyBytes / (item(100_000).length + 1)), item);
}

function list(count: number, item: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => item(index)).join(",");
}

function chat(fields: string): string {
  return `{"model":"m","messages":[{"role":"user","content":"hi"}],${fields}}`;
}

/** More fields than are taken of all bodies together, in objects that are just small enough. */
function objects(count: number): string {
  return list(count, (one) => `{${list(9990, (index) => `"k${one}_${index}":1`)}}`);
}

const [chatPath, messages, responses] = ["/v1/chat/completions", "/v1/messages", "/v1/responses"];
const said = (content: string): string =>
  `{"model":"m","max_tokens":20,"messages":[{"role":"user","content":${content}}]}`;

const bodies: Readonly<Record<string, readonly [path: string, body: () => string]>> = {
  brackets: [chatPath, () => "[".repeat(bodyBytes)],
  "fields in fields": [chatPath, () => '{"a":'.repeat(bodyBytes / 5)],
  numbers: [chatPath, () => chat(`"x":[${full(() => "1")}]`)],
  "huge numbers": [chatPath, () => chat(`"x":[${list(990_000, () => "1e308")}]`)],
  "empty objects": [chatPath, () => chat(`"x":[${full(() => "{}")}]`)],
  "fields of the body": [chatPath, () => `{${full((index) => `"k${index}":1`)}}`],
  "fields of many objects": [chatPath, () => chat(`"x":[${objects(14)}]`)],
  "texts that are keys": [chatPath, () => chat(`"x":[${full(() => '"__proto__"')}]`)],
  "biased tokens": [chatPath, () => chat(`"logit_bias":{${full((index) => `"${index}":1`)}}`)],
  "options of templates": [chatPath, () => chat(`"chat_template_kwargs":{${list(9990, (index) => `"k${index}":[]`)}}`)],
  "a schema": [
    chatPath,
    () =>
      chat(
        `"response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"enum":[${list(140_000, (index) => `"${index}"`)}]}}}`,
      ),
  ],
  "parts of messages": [
    chatPath,
    () =>
      `{"model":"m","messages":[${list(28, () => `{"role":"user","content":[${list(1000, () => '{"type":"text","text":""}')}]}`)}]}`,
  ],
  "one text": [chatPath, () => said(`"${"a ".repeat(bodyBytes / 2 - 100)}"`)],
  "half surrogates": [chatPath, () => said(`"${"\\ud800".repeat(bodyBytes / 6 - 100)}"`)],
  "no end": [chatPath, () => said(`"${"\\n".repeat(bodyBytes / 2 - 100)}`).slice(0, -3)],
  "lines and an error": [chatPath, () => `{"model":${"\n".repeat(bodyBytes - 20)}x}`],
  "token ids": ["/v1/completions", () => `{"model":"m","prompt":[${list(990_000, () => "1")}]}`],
  inputs: ["/v1/embeddings", () => `{"model":"m","input":[${list(2048, () => `[${list(480, () => "1")}]`)}]}`],
  documents: ["/v1/rerank", () => `{"model":"m","query":"q","documents":[${full(() => '"a"')}]}`],
  items: [
    responses,
    () => `{"model":"m","input":[${list(4096, () => '{"role":"user","content":[{"type":"input_text","text":""}]}')}]}`,
  ],
  "data of a client": [responses, () => `{"model":"m","input":"a","client_metadata":{"a":[${objects(14)}]}}`],
  blocks: [messages, () => said(`[${list(4096, () => '{"type":"text","text":"a"}')}]`)],
  "arguments of calls": [
    "/api/chat",
    () =>
      `{"model":"m","messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{"a":[${objects(14)}]}}}]}]}`,
  ],
  deployments: ["/cluster/v1/plan", () => `{"deployments":[${full(() => "{}")}]}`],
};

test("no body keeps the coordinator long, whatever it is made of", async (t) => {
  await longestTurnMs();
  for (const [name, [path, body]] of Object.entries(bodies)) {
    const status = await send(path, body());
    assert.ok(status >= 400 && status < 500, `${name}: ${status}`);
    const turnMs = await longestTurnMs();
    t.diagnostic(`${name}: ${status}, ${Math.round(turnMs)} ms`);
    assert.ok(turnMs < turnMsMax, `${name} keeps the coordinator for ${turnMs} ms`);
  }
});

test("twenty of them at once leave it time between them", async (t) => {
  const body = chat(`"x":[${objects(14)}]`);
  await longestTurnMs();
  const statuses = await Promise.all(Array.from({ length: 20 }, () => send(chatPath, body)));
  assert.deepEqual([...new Set(statuses)], [400]);
  const turnMs = await longestTurnMs();
  t.diagnostic(`${Math.round(turnMs)} ms`);
  assert.ok(turnMs < turnMsMax, `${turnMs} ms`);
});
