import { rmSync } from "node:fs";
import { join } from "node:path";
import { findNatsServer, type NatsServer, startNatsServer } from "@pomona/shared/nats/nats-server";
import { createTemporaryDirectory } from "./temporary-directory.ts";

/** Why tests with a real NATS cannot run here; false when they can. For the `skip` option of a test. */
export const natsSkipReason: string | false =
  findNatsServer() === null ? "needs nats-server: apt-get install nats-server" : false;

export type TestNatsServer = {
  /** Stays the same over a restart. */
  readonly url: string;
  /** Kills it as a crash would. */
  kill(): Promise<void>;
  /** Starts it again on the same port, with what it kept. */
  restart(): Promise<void>;
  /** Starts it again on the same port after its disk was lost. */
  restartEmpty(): Promise<void>;
  close(): Promise<void>;
};

/** A nats-server on a free port with a state directory of its own; `host` is the address to bind. */
export async function startTestNatsServer(host = "127.0.0.1"): Promise<TestNatsServer> {
  const directory = createTemporaryDirectory("nats");
  const start = (port: number): Promise<NatsServer> => startNatsServer({ stateDir: directory.path, host, port });
  let server = await start(0);
  const { url, port } = server;
  return {
    url,
    kill: async () => {
      process.kill(server.pid, "SIGKILL");
      await server.exited;
    },
    restart: async () => {
      server = await start(port);
    },
    restartEmpty: async () => {
      rmSync(join(directory.path, "jetstream"), { recursive: true, force: true });
      server = await start(port);
    },
    close: async () => {
      await server.close();
      directory.remove();
    },
  };
}
