// A TCP proxy with faults: resets, silence in one or both directions, delay, a narrow line, slices.
import { connect, createServer, type Server, type Socket } from "node:net";

/** Of one direction. */
export type Direction = "toTarget" | "toClient";

export type LinkFaults = {
  /** Added to each piece, and as much again at random; milliseconds. */
  readonly delayMs?: number;
  readonly jitterMs?: number;
  /** Each piece waits this much longer with this probability, as a lost packet does until it is sent again. */
  readonly lossRatio?: number;
  readonly lossDelayMs?: number;
  readonly bytesPerSecond?: number;
  /** Pieces are cut into this many bytes. */
  readonly sliceBytes?: number;
};

type Link = { readonly client: Socket; readonly target: Socket };

/** 127.0.0.1 on a free port; connections are refused while `target` is null. */
export class TcpProxy {
  readonly address: string;
  /** host:port */
  target: string | null = null;
  /** For connections old and new. */
  faults: LinkFaults = {};
  /** Connections that were reset so far. */
  resets = 0;
  /** Bytes that were held back by silence. */
  heldBytes = 0;
  /** Pieces that could not leave at once, and all pieces after slicing. */
  delayedPieces = 0;
  slices = 0;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #silent = new Set<Direction>();
  readonly #lines = new Set<Line>();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.address = `127.0.0.1:${port}`;
    server.on("connection", (client) => this.#join(client));
  }

  static start(): Promise<TcpProxy> {
    return new Promise((resolve, reject) => {
      const server = createServer({ noDelay: true });
      server.once("error", reject);
      server.listen(0, "127.0.0.1", () => {
        const address = server.address();
        resolve(new TcpProxy(server, typeof address === "object" && address !== null ? address.port : 0));
      });
    });
  }

  get connections(): number {
    return this.#links.size;
  }

  /** RST to both ends of every connection. */
  reset(): void {
    for (const { client, target } of this.#links) {
      client.resetAndDestroy();
      target.resetAndDestroy();
      this.resets += 1;
    }
  }

  /** Nothing arrives any more in these directions, and nobody is told; connections stay. An empty list heals. */
  silence(directions: readonly Direction[]): void {
    this.#silent.clear();
    for (const direction of directions) this.#silent.add(direction);
    for (const line of this.#lines) line.wake();
  }

  async close(): Promise<void> {
    for (const { client, target } of this.#links) {
      client.destroy();
      target.destroy();
    }
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket): void {
    const [host, port] = (this.target ?? "").split(":");
    if (host === undefined || port === undefined) {
      client.destroy();
      return;
    }
    const target = connect({ host, port: Number(port), noDelay: true });
    const link = { client, target };
    this.#links.add(link);
    this.#pass({ from: client, to: target, direction: "toTarget" });
    this.#pass({ from: target, to: client, direction: "toClient" });
    const end = (): void => {
      this.#links.delete(link);
      client.destroy();
      target.destroy();
    };
    for (const socket of [client, target]) {
      socket.on("error", () => undefined);
      socket.once("close", end);
    }
  }

  #pass({ from, to, direction }: { from: Socket; to: Socket; direction: Direction }): void {
    const line = new Line(to, () => ({ ...this.faults, isSilent: this.#silent.has(direction) }));
    this.#lines.add(line);
    from.on("data", (piece) => {
      if (this.#silent.has(direction)) this.heldBytes += piece.length;
      const { slices, isLate } = line.send(piece);
      this.slices += slices;
      if (isLate) this.delayedPieces += 1;
    });
    from.once("end", () => line.end());
    from.once("close", () => this.#lines.delete(line));
  }
}

/** Pieces in order: each leaves when its time has come and the one before has left. */
class Line {
  readonly #to: Socket;
  readonly #conditions: () => LinkFaults & { readonly isSilent: boolean };
  readonly #waiting: { readonly piece: Buffer | null; readonly dueMs: number }[] = [];
  #timer: NodeJS.Timeout | null = null;
  #freeAtMs = 0;

  constructor(to: Socket, conditions: () => LinkFaults & { readonly isSilent: boolean }) {
    this.#to = to;
    this.#conditions = conditions;
  }

  /** Returns how many slices it is sent in, and whether they are late. */
  send(piece: Buffer): { readonly slices: number; readonly isLate: boolean } {
    const {
      delayMs = 0,
      jitterMs = 0,
      lossRatio = 0,
      lossDelayMs = 200,
      bytesPerSecond,
      sliceBytes,
    } = this.#conditions();
    const size = sliceBytes ?? piece.length;
    const lateMs = delayMs + jitterMs * (2 * Math.random() - 1) + (Math.random() < lossRatio ? lossDelayMs : 0);
    for (let at = 0; at < piece.length; at += size) {
      const slice = piece.subarray(at, at + size);
      const sendingMs = bytesPerSecond === undefined ? 0 : (1000 * slice.length) / bytesPerSecond;
      this.#freeAtMs = Math.max(this.#freeAtMs, performance.now()) + sendingMs;
      this.#waiting.push({ piece: slice, dueMs: this.#freeAtMs + Math.max(0, lateMs) });
    }
    this.wake();
    return { slices: Math.ceil(piece.length / size), isLate: this.#waiting.length > 0 };
  }

  end(): void {
    this.#waiting.push({ piece: null, dueMs: 0 });
    this.wake();
  }

  /** Sends what is due. */
  wake(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    while (!this.#conditions().isSilent) {
      const next = this.#waiting[0];
      if (next === undefined) return;
      const leftMs = next.dueMs - performance.now();
      if (leftMs > 0) {
        this.#timer = setTimeout(() => this.wake(), leftMs);
        return;
      }
      this.#waiting.shift();
      if (this.#to.destroyed) continue;
      if (next.piece === null) this.#to.end();
      else this.#to.write(next.piece);
    }
  }
}
