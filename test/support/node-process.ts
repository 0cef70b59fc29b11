// Node-agents as processes of their own, asked over their Node service.
import { type ChildProcess, fork } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import type { InspectModelResponse__Output } from "@pomona/proto/generated/pomona/v1/InspectModelResponse";
import type { NodeClient } from "@pomona/proto/generated/pomona/v1/Node";
import type { PullModelResponse__Output } from "@pomona/proto/generated/pomona/v1/PullModelResponse";
import { pomona } from "@pomona/proto/load";
import { defaultEngineOptions } from "@pomona/shared/core/engine-options";
import type { NamedFile, StoredFile } from "@pomona/shared/core/model-files";
import type { NodeStatus, ReplicaStatus } from "@pomona/shared/core/node-status";
import { callUnary, createTransferClient, readStream } from "@pomona/shared/grpc/client";
import { modelFileToWire } from "@pomona/shared/grpc/wire-files";
import { nodeStatusFromWire, replicaSpecToWire, replicaStatusFromWire } from "@pomona/shared/grpc/wire-status";
import { endProcess, pomonaPath } from "./running-pool.ts";

export type PullOptions = {
  readonly peers?: readonly NodeProcess[];
  readonly source?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: PullModelResponse__Output) => void;
};

export type NodeOptions = {
  readonly stateDir: string;
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
};

const callTimeoutMs = 60_000;

/** A running `pomona agent` that belongs to no coordinator. */
export class NodeProcess {
  readonly address: string;
  readonly stateDir: string;
  readonly client: NodeClient;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, { stateDir }: NodeOptions, address: string) {
    this.#child = child;
    this.stateDir = stateDir;
    this.address = address;
    this.client = createTransferClient(address);
  }

  /** Engines are simulated unless `args` say otherwise; settings come as `POMONA_...` in the environment. */
  static async start(options: NodeOptions): Promise<NodeProcess> {
    const { stateDir, args = ["--engine", "simulated"], environment = {} } = options;
    const alone = ["--grpc-port", "0", "--no-mdns", "--peer", "127.0.0.1:1", "--log-level", "fatal"];
    const child = fork(pomonaPath, ["agent", "--state-dir", stateDir, ...alone, ...args], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      env: { ...process.env, ...environment },
    });
    const exited = once(child, "exit").then(([code]) => Promise.reject(new Error(`a node-agent ended with ${code}`)));
    exited.catch(() => undefined);
    const [message] = await Promise.race([once(child, "message"), exited]);
    // The shape is that of cli/process-messages.
    const { grpc } = message as { readonly grpc?: string };
    if (grpc === undefined) throw new Error(`a node-agent did not start: ${JSON.stringify(message)}`);
    return new NodeProcess(child, options, grpc);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async status(): Promise<NodeStatus> {
    const controller = new AbortController();
    let status: NodeStatus | null = null;
    await readStream(this.client, pomona.Node.service.WatchStatus, {
      request: {},
      timeoutMs: callTimeoutMs,
      signal: controller.signal,
      onMessage: (message) => {
        status ??= nodeStatusFromWire(message.status);
        controller.abort();
      },
    }).catch(() => undefined);
    if (status === null) throw new Error("the node told no status");
    return status;
  }

  async file(digest: string): Promise<StoredFile | undefined> {
    return (await this.status()).files.find((file) => file.digest === digest);
  }

  async pull(files: readonly NamedFile[], options: PullOptions = {}): Promise<void> {
    const { peers = [], source = "", signal = new AbortController().signal, onProgress = () => undefined } = options;
    await readStream(this.client, pomona.Node.service.PullModel, {
      request: { files: files.map(modelFileToWire), source, peers: peers.map(({ address }) => address) },
      timeoutMs: callTimeoutMs,
      signal,
      onMessage: (progress) => void onProgress(progress),
    });
  }

  async inspect(source: string, digest = ""): Promise<InspectModelResponse__Output> {
    return await callUnary(this.client, pomona.Node.service.InspectModel, {
      request: { source, digest },
      timeoutMs: callTimeoutMs,
      signal: new AbortController().signal,
    });
  }

  async load(replicaId: string, files: readonly NamedFile[], source = "path of the store"): Promise<ReplicaStatus> {
    const engine = { ...defaultEngineOptions, threads: 1 };
    const spec = { model: "model", source, slots: 1, contextLength: 256, engine, files, revision: "" };
    const { replica } = await callUnary(this.client, pomona.Node.service.LoadReplica, {
      request: { replicaId: replicaId.replace(" ", "-"), spec: replicaSpecToWire(spec) },
      timeoutMs: callTimeoutMs,
      signal: new AbortController().signal,
    });
    return replicaStatusFromWire(replica);
  }

  async unload(replicaId: string): Promise<void> {
    const signal = new AbortController().signal;
    await callUnary(this.client, pomona.Node.service.UnloadReplica, {
      request: { replicaId },
      timeoutMs: callTimeoutMs,
      signal,
    });
  }

  async drain(isOver: boolean): Promise<void> {
    const signal = new AbortController().signal;
    await callUnary(this.client, pomona.Node.service.Drain, { request: { isOver }, timeoutMs: callTimeoutMs, signal });
  }

  async remove(digest: string): Promise<void> {
    const request = { digest };
    const signal = new AbortController().signal;
    await callUnary(this.client, pomona.Node.service.RemoveModelFile, { request, timeoutMs: callTimeoutMs, signal });
  }

  blobPath(digest: string): string {
    return join(this.stateDir, "models", "blobs", `${digest}.gguf`);
  }

  partialPath(digest: string): string {
    return join(this.stateDir, "models", "partial", `${digest}.part`);
  }

  async kill(): Promise<void> {
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    this.client.close();
    await exited;
  }

  async close(): Promise<void> {
    this.client.close();
    await endProcess(this.#child);
  }
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(piece as Buffer);
  return hash.digest("hex");
}
