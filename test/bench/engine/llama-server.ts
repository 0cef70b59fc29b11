// llama-server with the same model, slots and threads, over its own HTTP interface.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { killAtExit } from "./cleanup.ts";
import { type BenchRequest, type Contender, contextLength, slotCount } from "./contender.ts";

const startTimeoutMs = 120_000;
const requestTimeoutMs = 600_000;

export type LlamaServerFiles = { readonly program: string; readonly modelPath: string; readonly folder: string };

export async function startLlamaServer({ program, modelPath, folder }: LlamaServerFiles): Promise<Contender> {
  const port = await freePort();
  const logPath = join(folder, "llama-server.log");
  const log = openSync(logPath, "w");
  const child = spawn(program, flagsOf(modelPath, port), { stdio: ["ignore", log, log] });
  closeSync(log);
  const exited = once(child, "exit");
  // A program that cannot be started is told of by the next line; one that ends later, by its request.
  exited.catch(() => undefined);
  await once(child, "spawn");
  const { pid } = child;
  if (pid === undefined) throw new Error("assertion failed: a process that was started has an id");
  const forget = killAtExit(pid);
  const url = `http://127.0.0.1:${port}`;
  const gone = exited.then(() => {
    throw new Error(`${program} ended: ${readFileSync(logPath, "utf8").slice(-2000)}`);
  });
  // After a start that went well its end is nobody's business.
  gone.catch(() => undefined);
  await Promise.race([gone, untilHealthy(url)]);
  return {
    name: "llama-server",
    pid,
    generate: (request, onTokens) => complete(url, request, onTokens),
    close: async () => {
      child.kill("SIGKILL");
      await exited;
      forget();
    },
  };
}

function flagsOf(modelPath: string, port: number): string[] {
  const size = ["-t", "1", "-tb", "1", "-np", `${slotCount}`, "-c", `${slotCount * contextLength}`];
  const batch = ["-b", "512", "-ub", "512"];
  return ["-m", modelPath, ...size, ...batch, "--no-warmup", "--no-webui", "--host", "127.0.0.1", "--port", `${port}`];
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("assertion failed: a TCP server has a port");
  return address.port;
}

async function untilHealthy(url: string): Promise<void> {
  const deadline = performance.now() + startTimeoutMs;
  for (;;) {
    const response = await fetch(`${url}/health`).catch(() => null);
    await response?.arrayBuffer();
    if (response?.status === 200) return;
    if (performance.now() > deadline) throw new Error(`llama-server did not answer within ${startTimeoutMs} ms`);
    await delay(100);
  }
}

async function complete(url: string, wanted: BenchRequest, onTokens: (generated: number) => void): Promise<void> {
  const { promptTokenIds: prompt, maxTokens, slot } = wanted;
  const greedy = { temperature: 0, cache_prompt: false, ignore_eos: true, stream: true };
  // By itself it takes the slot that was unused the longest, and the batch falls apart.
  const response = await post(
    `${url}/completion`,
    JSON.stringify({ prompt, n_predict: maxTokens, id_slot: slot, ...greedy }),
  );
  let generated = 0;
  let evaluated = 0;
  for await (const event of eventsOf(response)) {
    evaluated = event.tokens_evaluated;
    if (event.tokens_predicted === generated) continue;
    generated = event.tokens_predicted;
    onTokens(generated);
  }
  if (generated !== maxTokens || evaluated !== prompt.length)
    throw new Error(`llama-server: ${evaluated} of ${prompt.length} and ${generated} of ${maxTokens} tokens`);
}

/** On a connection of its own: llama-server closes idle ones, and may do so while the next request is on its way. */
async function post(url: string, body: string): Promise<IncomingMessage> {
  const signal = AbortSignal.timeout(requestTimeoutMs);
  const headers = { "content-type": "application/json" };
  const sent = request(url, { method: "POST", agent: false, headers, signal }).end(body);
  // What `once` gives on this event is the response.
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`llama-server answered ${response.statusCode}`);
  return response;
}

/** llama-server's events; an error has neither count. */
type CompletionEvent = { readonly tokens_predicted: number; readonly tokens_evaluated: number };

async function* eventsOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<CompletionEvent> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const piece of body) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("data: ")) yield eventOf(line.slice(6));
  }
}

function eventOf(json: string): CompletionEvent {
  const event = JSON.parse(json) as Partial<CompletionEvent>;
  const { tokens_predicted, tokens_evaluated } = event;
  if (tokens_predicted === undefined || tokens_evaluated === undefined) throw new Error(`llama-server: ${json}`);
  return { tokens_predicted, tokens_evaluated };
}
