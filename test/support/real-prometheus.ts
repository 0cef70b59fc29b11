// A real Prometheus for tests, on a free port, that scrapes one address every 500 ms.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endProcess } from "./running-pool.ts";
import { waitFor } from "./wait-for.ts";

const readyMs = 60_000;

export type Sample = { readonly metric: Readonly<Record<string, string>>; readonly value: readonly [number, string] };
export type RunningPrometheus = {
  readonly url: string;
  /** Executes an expression now. @throws Error with Prometheus' reason when it is wrong. */
  query(expr: string): Promise<readonly Sample[]>;
  close(): Promise<void>;
};

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Starts Debian's `prometheus` with a scrape of `target` (host:port) and the given rule files. Resolves when it answers. */
export async function startPrometheus(target: string, ruleFiles: readonly string[]): Promise<RunningPrometheus> {
  const directory = mkdtempSync(join(tmpdir(), "pomona-prometheus-"));
  const port = await freePort();
  const config = {
    global: { scrape_interval: "500ms", scrape_timeout: "500ms", evaluation_interval: "1s" },
    rule_files: ruleFiles,
    scrape_configs: [{ job_name: "pomona", honor_labels: true, static_configs: [{ targets: [target] }] }],
  };
  // YAML is a superset of JSON.
  writeFileSync(join(directory, "prometheus.yml"), JSON.stringify(config));
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(
    "prometheus",
    [
      `--config.file=${directory}/prometheus.yml`,
      `--storage.tsdb.path=${directory}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: "ignore" },
  );
  const end = async (): Promise<void> => {
    await endProcess(child);
    rmSync(directory, { recursive: true, force: true });
  };
  const isReady = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`prometheus on port ${port} ended with code ${child.exitCode}`);
    return await fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  };
  await waitFor(isReady, readyMs, "prometheus is ready").catch(async (thrown: unknown) => {
    await end();
    throw thrown;
  });
  return {
    url,
    query: async (expr) => {
      const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expr)}`);
      const body = (await answer.json()) as { status: string; error?: string; data?: { result: Sample[] } };
      if (body.status !== "success" || body.data === undefined)
        throw new Error(`${expr}: ${body.error ?? answer.status}`);
      return body.data.result;
    },
    close: end,
  };
}
