// What other coordinators say of themselves over HTTP, for the time when NATS says nothing.
import { get, type IncomingMessage } from "node:http";
import { parseHostAndPort } from "@pomona/shared/grpc/address";

const timeoutMs = 1000;
const bytesMax = 4 * 1024 * 1024;

/** The highest term of those at these addresses (host:port) that are active; 0 when none is, or none answers. */
export async function highestActiveTerm(addresses: readonly string[]): Promise<number> {
  return Math.max(0, ...(await Promise.all(addresses.map(activeTerm))));
}

async function activeTerm(address: string): Promise<number> {
  const text = await readMetrics(address).catch(() => "");
  const figure = (name: string): number => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
  return figure("pomona_coordinator_active") === 1 ? figure("pomona_coordinator_term") : 0;
}

function readMetrics(address: string): Promise<string> {
  const { host, port } = parseHostAndPort(address);
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const options = { host, port, path: "/metrics", headers: { host: "localhost" }, agent: false, signal } as const;
    const onAnswer = (answer: IncomingMessage): void => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (piece: string) => {
        text += piece;
        if (text.length > bytesMax) answer.destroy(new Error("too long"));
      });
      answer.on("end", () => resolve(text));
      answer.on("error", reject);
    };
    get(options, onAnswer).on("error", reject);
  });
}
