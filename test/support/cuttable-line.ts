// A TCP line to a server that can be cut as a power failure of the caller would.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export type CuttableLine = {
  /** host:port to connect to. */
  readonly address: string;
  /** Lets nothing through any more, in either direction, and says so to nobody. */
  hold(): void;
  /** Resets every connection, and takes no new ones. */
  cut(): void;
};

/** @param target host:port of the server. */
export async function openLine(target: string): Promise<CuttableLine> {
  const sockets = new Set<Socket>();
  const { hostname, port } = new URL(`tcp://${target}`);
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      // A connection that was cut is what this is for.
      socket.on("error", () => undefined);
      socket.on("close", () => sockets.delete(socket));
    }
    near.pipe(far).pipe(near);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const hold = (): void => {
    for (const socket of sockets) socket.unpipe().pause();
  };
  const cut = (): void => {
    server.close();
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, hold, cut };
}
