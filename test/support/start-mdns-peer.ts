import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { DiscoveredService, DiscoveryEvent } from "@pomona/shared/mdns/discovery";
import type { MdnsPeerOptions } from "./mdns-peer.ts";

export type MdnsPeer = {
  /** What it sees now, itself included. */
  readonly services: ReadonlyMap<string, DiscoveredService>;
  readonly events: readonly DiscoveryEvent[];
  updateTxt(txt: Readonly<Record<string, string>>): void;
  /** SIGTERM, and waits for the end. */
  stop(): Promise<void>;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
};

/** Starts mdns-peer.ts as a process; `prefix` is a command to run it by, like `ip netns exec NAME`. */
export function startMdnsPeer(options: MdnsPeerOptions, prefix: readonly string[] = []): MdnsPeer {
  const script = fileURLToPath(new URL("./mdns-peer.js", import.meta.url));
  const [command = process.execPath, ...args] = [...prefix, process.execPath, script, JSON.stringify(options)];
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const services = new Map<string, DiscoveredService>();
  const events: DiscoveryEvent[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    // Written by mdns-peer.ts.
    const event = JSON.parse(line) as DiscoveryEvent;
    events.push(event);
    if (event.kind === "down") services.delete(event.name);
    else services.set(event.service.name, event.service);
  });
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await exited;
  };
  return {
    services,
    events,
    updateTxt: (txt) => child.stdin.write(`${JSON.stringify(txt)}\n`),
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
  };
}
