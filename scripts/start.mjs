// npm start [-- --once]: sets up, starts a pool of two nodes, asks it one question, and goes on serving.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { root, setUp } from "./setup.mjs";

const isOnce = process.argv.includes("--once");
const pomona = join(root, "cli/bin/pomona.js");

/** Runs `pomona` with its output on the terminal; resolves to its exit code. */
async function runPomona(args) {
  const child = spawn(process.execPath, [pomona, ...args], { stdio: ["ignore", "inherit", "inherit"] });
  const [code] = await once(child, "close");
  return code ?? 1;
}

setUp();
process.stderr.write("pomona: starting a pool of two nodes on this machine\n");
// A group of its own: Ctrl-C reaches the pool through this process alone.
const up = spawn(process.execPath, [pomona, "up", "--nodes", "2", "--json"], {
  stdio: ["ignore", "pipe", "inherit", "ipc"],
  detached: true,
});
const ended = once(up, "exit");
let isStopping = false;
const stop = () => {
  if (isStopping) up.kill("SIGKILL");
  isStopping = true;
  up.kill("SIGTERM");
};
process.on("SIGINT", stop);
process.on("SIGTERM", stop);

const line = await Promise.race([once(createInterface({ input: up.stdout }), "line").then(([text]) => text), ended]);
if (typeof line !== "string") process.exit(up.exitCode ?? 1);
const pool = JSON.parse(line);
await runPomona(["status", "--grpc", pool.grpc]);
process.stdout.write("\nQuestion: Hello, who are you?\n\n");
const code = await runPomona(["chat", "tiny", "--url", pool.http, "-p", "Hello, who are you?"]);
if (isOnce || code !== 0) {
  stop();
  await ended;
  process.exit(code);
}
const body = JSON.stringify({ model: "tiny", messages: [{ role: "user", content: "Hello!" }], stream: true });
process.stdout.write(
  [
    "",
    `HTTP API  ${pool.http}/v1`,
    `Metrics   ${pool.metrics}`,
    `gRPC      ${pool.grpc}`,
    "",
    "Try it:",
    `  curl -N ${pool.http}/v1/chat/completions -H 'content-type: application/json' -d '${body}'`,
    "",
    "A model of your own:  npx pomona up --model NAME=/path/to/model.gguf",
    "Ctrl-C stops the pool.",
    "",
  ].join("\n"),
);
await ended;
process.exit(isStopping ? 0 : (up.exitCode ?? 1));
