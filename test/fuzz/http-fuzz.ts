// Sends requests that are wrong somewhere to a pool, and checks that each is answered in time, by no fault of the pool's own,
// in the shape of its API, and that it serves afterwards.
// npm run -s fuzz:http -- [--runs 100000] [--seed N]
import { parseArgs } from "node:util";
import { relevanceModel } from "@pomona/shared/core/gguf/relevance-model";
import { scriptedModel } from "@pomona/shared/core/gguf/scripted-model";
import fc from "fast-check";
import { TwoNodes } from "../support/two-nodes.ts";
import { waitFor } from "../support/wait-for.ts";
import { checkAnswer } from "./answers.ts";
import { examples, mutatedTexts } from "./bodies.ts";
import { type Cut, cuts, sendInPieces } from "./pieces.ts";
import { type Asked, asked, bodyHeaders } from "./requests.ts";

/** Of one answer; the longest one that is right takes a small part of it. */
const answerMs = 30_000;
/** Requests at a time. */
const width = 8;
/** Requests that are made at once, before they are sent. */
const sampleCount = 500;

export type FuzzReport = {
  readonly runs: number;
  /** Answers by status; those that the client did not wait for are `left`. */
  readonly statuses: Readonly<Record<string, number>>;
};

/** `text` is null for none; `cut` says in which pieces it comes, null for one. */
type Sent = Asked & { readonly text: string | null; readonly cut: Cut | null };

const json = { "content-type": "application/json" };

const sent: fc.Arbitrary<Sent> = fc.oneof(
  {
    weight: 14,
    arbitrary: fc
      .tuple(mutatedTexts, bodyHeaders)
      .map(([body, headers]) => ({ method: "POST", ...body, headers, cut: null })),
  },
  { weight: 4, arbitrary: asked.map((request) => ({ ...request, text: null, cut: null })) },
  {
    weight: 1,
    arbitrary: fc.tuple(asked, mutatedTexts).map(([{ method, path }, { text }]) => {
      const takesBody = method !== "GET" && method !== "HEAD";
      return { method, path, headers: json, text: takesBody ? text : null, cut: null };
    }),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(mutatedTexts, cuts).map(([body, cut]) => ({ method: "POST", ...body, headers: json, cut })),
  },
);

/** @throws Error what was sent and what is wrong with the answer to it. The same seed sends the same. */
export async function fuzzHttp(
  http: string,
  { runs, seed }: { readonly runs: number; readonly seed: number },
): Promise<FuzzReport> {
  const statuses: Record<string, number> = {};
  for (let done = 0; done < runs; done += sampleCount) {
    const list = fc.sample(sent, { seed: seed + done, numRuns: Math.min(sampleCount, runs - done) });
    const responseId = await storeResponse(http);
    const sendNext = async (): Promise<void> => {
      for (let next = list.pop(); next !== undefined; next = list.pop()) {
        const path = next.path.replaceAll("RESPONSE", responseId);
        const status = await send(http, { ...next, path });
        statuses[status] = (statuses[status] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: width }, sendNext));
  }
  for (const { path, body } of examples) {
    const text = JSON.stringify(body);
    const status = await send(http, { method: "POST", path, text, headers: json, cut: null });
    if (status !== 200) throw new Error(`${path} answers ${status} afterwards`);
  }
  return { runs, statuses };
}

/** Its id. */
async function storeResponse(http: string): Promise<string> {
  const body = JSON.stringify({ model: "m", input: "hi", max_output_tokens: 16 });
  const response = await fetch(`${http}/v1/responses`, { method: "POST", headers: json, body });
  // The shape is OpenAI's.
  return ((await response.json()) as { readonly id: string }).id;
}

/** The status. @throws Error what is wrong with the answer. */
async function send(http: string, request: Sent): Promise<number | "left"> {
  const { method, path, headers, text, cut } = request;
  const where = `${method} ${path} ${JSON.stringify({ headers, cut })} ${(text ?? "").slice(0, 3000)}`;
  const signal = AbortSignal.timeout(answerMs);
  try {
    if (cut !== null) {
      const answered = await sendInPieces(http, { path, text: text ?? "", cut, signal });
      if (answered === null) return "left";
      checkAnswer({ ...request, ...answered });
      return answered.status;
    }
    const response = await fetch(`${http}${path}`, {
      method,
      headers,
      signal,
      ...(text === null ? {} : { body: Buffer.from(text) }),
    });
    const { status } = response;
    // These have no end.
    const type = response.headers.get("content-type") ?? "";
    const isEndless = method === "GET" && type.startsWith("text/event-stream");
    if (isEndless) await response.body?.cancel();
    const answer = isEndless ? "" : await response.text();
    checkAnswer({ ...request, status, answer, allow: response.headers.get("allow") });
    return status;
  } catch (error) {
    throw new Error(`${String(error)}: ${where}`);
  }
}

/** A pool whose every answer is short, whatever is asked. */
export async function startFuzzPool(): Promise<TwoNodes> {
  const model = scriptedModel({
    name: "m",
    reply: "All right then.",
    contextLength: 512,
    controls: ["<fim_prefix>", "<fim_suffix>", "<fim_middle>"],
    chatTemplate:
      "{% if tools %}<tool_call>{{ tools | tojson }}{% endif %}{% for m in messages %}{{ m.content }}{% endfor %}",
  });
  const vectors = scriptedModel({ name: "vectors", reply: "No.", contextLength: 512, isPooled: true });
  const relevance = relevanceModel({ contextLength: 512 });
  const pool = await TwoNodes.start({ engine: "llama", models: { m: model, vectors, relevance } });
  // For its first seconds a coordinator does not know yet which requests an earlier one has left.
  const isSettled = async (): Promise<boolean> => {
    const body = JSON.stringify({ model: "m", prompt: "a", max_tokens: 1, stream: true });
    const headers = { ...json, "last-event-id": `${"a".repeat(32)}-7` };
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
