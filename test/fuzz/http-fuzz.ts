// Sends bodies and headers that are wrong somewhere to a pool, and checks that each is answered in time, by no fault of the
// pool's own, in the API's shape, and that it serves afterwards.
// npm run -s fuzz:http -- [--runs 100000] [--seed N]
import { parseArgs } from "node:util";
import { scriptedModel } from "@pomona/shared/core/gguf/scripted-model";
import fc from "fast-check";
import { TwoNodes } from "../support/two-nodes.ts";
import { waitFor } from "../support/wait-for.ts";
import { examples, mutatedTexts } from "./bodies.ts";

/** Of one answer; the longest one that is right takes a small part of it. */
const answerMs = 30_000;
/** Requests at a time. */
const width = 8;

const headers: fc.Arbitrary<Readonly<Record<string, string>>> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ "content-type": "application/json" }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Readonly<Record<string, string>>>(
      { "content-type": "text/plain" },
      { "content-type": "application/json; charset=utf-7" },
      { "content-type": "application/json", "content-encoding": "gzip" },
      { "content-type": "application/json", origin: "https://example.com" },
      { "content-type": "application/json", "x-pomona-priority": "soon" },
      { "content-type": "application/json", "last-event-id": "x-1" },
      { "content-type": "application/json", "last-event-id": `${"a".repeat(32)}-7` },
      { "content-type": "application/json", "idempotency-key": "k".repeat(5000) },
      { "content-type": "application/json", "x-pomona-shared-system-prompt": "maybe" },
    ),
  },
);

export type FuzzReport = {
  readonly runs: number;
  /** Answers by status. */
  readonly statuses: Readonly<Record<string, number>>;
};

type Sent = { readonly path: string; readonly text: string; readonly headers: Readonly<Record<string, string>> };

/** @throws Error what was sent and what is wrong with the answer to it. The same seed sends the same. */
export async function fuzzHttp(
  http: string,
  { runs, seed }: { readonly runs: number; readonly seed: number },
): Promise<FuzzReport> {
  const statuses: Record<string, number> = {};
  const sent = fc.record({ body: mutatedTexts, headers }).map(({ body, headers }): Sent => ({ ...body, headers }));
  for (let done = 0; done < runs; done += sampleCount) {
    const list = fc.sample(sent, { seed: seed + done, numRuns: Math.min(sampleCount, runs - done) });
    const sendNext = async (): Promise<void> => {
      for (let next = list.pop(); next !== undefined; next = list.pop()) {
        const status = await send(http, next);
        statuses[status] = (statuses[status] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: width }, sendNext));
  }
  for (const { path, body } of examples) {
    const status = await send(http, {
      path,
      text: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    });
    if (status !== 200) throw new Error(`${path} answers ${status} afterwards`);
  }
  return { runs, statuses };
}

/** Requests that are made at once, before they are sent. */
const sampleCount = 500;

/** The status. @throws Error what is wrong with the answer. */
async function send(http: string, { path, text, headers }: Sent): Promise<number> {
  const where = `POST ${path} ${JSON.stringify(headers)} ${text.slice(0, 3000)}`;
  const response = await fetch(`${http}${path}`, {
    method: "POST",
    headers,
    body: Buffer.from(text),
    signal: AbortSignal.timeout(answerMs),
  }).catch((error: unknown) => {
    throw new Error(`no answer (${String(error)}): ${where}`);
  });
  const answer = await response.text();
  const { status } = response;
  if (status >= 500) throw new Error(`${status} ${answer.slice(0, 500)}: ${where}`);
  if (status >= 400) checkError(answer, where);
  return status;
}

function checkError(answer: string, where: string): void {
  const body: { readonly error?: { readonly message?: unknown } | string } = JSON.parse(answer);
  const message = typeof body.error === "string" ? body.error : body.error?.message;
  if (typeof message !== "string" || message === "")
    throw new Error(`the error says nothing: ${answer.slice(0, 500)} ${where}`);
  if (message.length > 2000)
    throw new Error(`the error says too much: ${message.length} characters, ${message.slice(0, 500)}: ${where}`);
}

/** A pool whose every answer is short, whatever is asked. */
export async function startFuzzPool(): Promise<TwoNodes> {
  const model = scriptedModel({
    name: "m",
    reply: "All right then.",
    contextLength: 512,
    chatTemplate:
      "{% if tools %}<tool_call>{{ tools | tojson }}{% endif %}{% for m in messages %}{{ m.content }}{% endfor %}",
  });
  const pool = await TwoNodes.start({ engine: "llama", models: { m: model } });
  // For its first seconds a coordinator does not know yet which requests an earlier one has left.
  const isSettled = async (): Promise<boolean> => {
    const body = JSON.stringify({ model: "m", prompt: "a", max_tokens: 1, stream: true });
    const headers = { "content-type": "application/json", "last-event-id": `${"a".repeat(32)}-7` };
    const response = await fetch(`${pool.http}/v1/completions`, { method: "POST", headers, body });
    await response.text();
    return response.status === 404;
  };
  await waitFor(isSettled, 30_000, "nothing is taken up any more");
  return pool;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { runs: { type: "string", default: "100000" }, seed: { type: "string" } } });
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  process.stdout.write(`seed ${seed}\n`);
  const pool = await startFuzzPool();
  try {
    const report = await fuzzHttp(pool.http, { runs: Number(values.runs), seed });
    process.stdout.write(`${JSON.stringify(report)}\n`);
  } finally {
    await pool.close();
  }
}

if (process.argv[1] === new URL(import.meta.url).pathname) await main();
