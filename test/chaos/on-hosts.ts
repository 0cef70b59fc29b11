// A row that needs hosts of its own: network namespaces, the first of which this command is started in once more.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createNamespaceNetwork, namespaceSkipReason } from "../support/network-namespaces.ts";
import { hasProgram } from "../support/programs.ts";
import type { HostLine } from "./partition.ts";
import type { RowOutcome, RowSettings, RowSkipped } from "./row.ts";

const variable = "CHAOS_HOSTS";
const command = fileURLToPath(new URL("./chaos.js", import.meta.url));
const timeoutMs = 120_000;

/** Runs `use` in the first of `count` hosts; it gets all of them. */
export async function onHosts(
  row: { readonly number: number; readonly hosts: number },
  settings: RowSettings,
  use: (hosts: readonly HostLine[]) => Promise<RowOutcome>,
): Promise<RowOutcome | RowSkipped> {
  const told = process.env[variable];
  // Written below, by the process that started this one.
  if (told !== undefined) return await use(JSON.parse(told) as readonly HostLine[]);
  const reason = hasProgram("ip") ? namespaceSkipReason() : "needs ip: apt-get install iproute2";
  if (reason !== false) return { kind: "skipped", reason };
  const network = await createNamespaceNetwork(row.hosts);
  try {
    const [first] = network.hosts;
    const [program = "", ...prefix] = first?.prefix ?? [];
    const size = ["--streams", String(settings.streams), "--tokens", String(settings.tokens)];
    const args = [process.execPath, command, "--rows", String(row.number), ...size, "--figures=report", "--json"];
    const environment = { ...process.env, [variable]: JSON.stringify(network.hosts) };
    const { stdout } = await promisify(execFile)(program, [...prefix, ...args], {
      env: environment,
      timeout: timeoutMs,
      maxBuffer: 10_000_000,
    }).catch((error: { readonly stdout?: string }) => {
      // A row that does not hold ends the command with 1, and its table is there all the same.
      if (error.stdout === undefined || error.stdout === "") throw error;
      return { stdout: error.stdout };
    });
    // The command's own JSON.
    const { results } = JSON.parse(stdout) as { readonly results: readonly { readonly outcome: RowOutcome }[] };
    const [result] = results;
    if (result === undefined) throw new Error("the row was not run on its host");
    return result.outcome;
  } finally {
    await network.close();
  }
}
