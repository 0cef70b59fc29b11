// The end of serving: what runs gets its time, and a successor gets the ports, the lease and the state directory as soon as it
// asks for them.
import type { GrpcServer } from "@pomona/shared/grpc/server";
import type { StateDirectory } from "@pomona/shared/runtime/state-directory";
import type { HttpServer } from "./http/server.ts";
import type { Succession } from "./succession.ts";

export type Serving = {
  readonly http: HttpServer;
  readonly grpc: GrpcServer;
  readonly directory: StateDirectory;
  readonly succession: Succession;
};

/** Time that running calls get when the coordinator stops; then each is told that it ends, and gets time to hear it. */
const stopGraceMs = 2000;
const stopFlushMs = 500;
const pollMs = 20;

/**
 * What is new goes on to the standby that has taken over. Where there was none, whoever comes is told to come again until there
 * is a successor, rather than that nobody is here. Then the ports are free, and what still runs ends on its connections: nodes
 * leave alone what another coordinator reads.
 */
export async function endServing({ http, grpc, directory, succession }: Serving): Promise<void> {
  const startedAtMs = performance.now();
  const leftMs = (): number => Math.max(0, startedAtMs + stopGraceMs - performance.now());
  if (!succession.hasYielded) http.refuse();
  const isWanted = await whenWanted(directory, () => leftMs() === 0 || !isBusy({ http, succession }));
  const closed = [http.close(leftMs()), closeGrpc(grpc, succession, leftMs())];
  if (isWanted) {
    await succession.handOver();
    directory.release();
  }
  await Promise.all(closed);
}

function isBusy({ http, succession }: Pick<Serving, "http" | "succession">): boolean {
  return http.isAnswering || (succession.answering?.coordinator.isBusy ?? false);
}

/** Resolves with whether another process waits for the directory, or as soon as it is over. */
function whenWanted(directory: StateDirectory, isOver: () => boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (isWanted: boolean): void => {
      clearInterval(poll);
      resolve(isWanted);
    };
    const poll = setInterval(() => isOver() && end(false), pollMs);
    directory.offer(() => end(true));
  });
}

async function closeGrpc(server: GrpcServer, succession: Succession, graceMs: number): Promise<void> {
  const late = setTimeout(() => succession.answering?.coordinator.endAll(), graceMs);
  await server.close(graceMs + stopFlushMs);
  clearTimeout(late);
}
