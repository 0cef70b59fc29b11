import { once } from "node:events";
import { createServer } from "node:net";

/** Whether a TCP port of an address can be bound now. */
export async function isFree(host: string, port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, "listening");
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/** The default port, or 0 (any free one) when something else has it, which is said. */
export async function defaultOrFree(host: string, port: number, what: string): Promise<number> {
  if (await isFree(host, port)) return port;
  process.stderr.write(`pomona: ${what} port ${port} is taken, using a free one\n`);
  return 0;
}
