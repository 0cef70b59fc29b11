// A model hub on loopback that speaks the protocol of Hugging Face, and misbehaves where it is told to.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export const hubCommit = "c0ffee".padEnd(40, "0");

/** What the server does with a file; undefined is what a good one does. */
export type Misbehaviour =
  | { readonly kind: "redirect"; readonly to: string }
  /** Sends so many bytes of an answer, then nothing more. */
  | { readonly kind: "stall" | "breakOff"; readonly afterBytes: number }
  | { readonly kind: "noLength" | "noRanges" | "trickle" }
  | { readonly kind: "status"; readonly status: number }
  /** Sends this instead of what it lists. */
  | { readonly kind: "other"; readonly content: Uint8Array };

export type AskedFor = {
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
};

export class MisbehavingHub {
  readonly origin: string;
  /** By their path in the repository. */
  readonly files = new Map<string, Uint8Array>();
  readonly asked: AskedFor[] = [];
  misbehaviour: Misbehaviour | undefined;
  /** How often it misbehaves before it does not. */
  misbehaviours = Number.POSITIVE_INFINITY;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    // It listens on a port.
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", (request, response) => this.#answer(request, response));
  }

  static async start(): Promise<MisbehavingHub> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new MisbehavingHub(server);
  }

  /** Does this to so many requests for files, then nothing any more. */
  misbehave(misbehaviour: Misbehaviour | undefined, times = Number.POSITIVE_INFINITY): void {
    this.misbehaviour = misbehaviour;
    this.misbehaviours = times;
  }

  /** Where a plain source would find the file. */
  urlOf(path: string): string {
    return `${this.origin}/o/r/resolve/${hubCommit}/${path}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(request.url ?? "/", this.origin);
    const { range, authorization } = request.headers;
    this.asked.push({ path: pathname, range, authorization });
    if (pathname.startsWith("/api/models/o/r/revision/")) {
      const body = Buffer.from(JSON.stringify({ sha: hubCommit, siblings: this.#listing() }));
      response.writeHead(200, { "content-length": body.length, "content-type": "application/json" }).end(body);
      return;
    }
    const content = this.files.get(decodeURIComponent(pathname.replace(/^\/o\/r\/resolve\/[^/]+\//, "")));
    if (content === undefined) {
      response.writeHead(404, { "content-length": 0 }).end();
      return;
    }
    const misbehaviour = this.misbehaviours > 0 ? this.misbehaviour : undefined;
    this.misbehaviours -= 1;
    this.#send(response, { content, range, misbehaviour });
  }

  #listing(): object[] {
    return [...this.files].map(([path, content]) => ({
      rfilename: path,
      size: content.length,
      blobId: "0".repeat(40),
      lfs: { sha256: createHash("sha256").update(content).digest("hex"), size: content.length, pointerSize: 134 },
    }));
  }

  #send(
    response: ServerResponse,
    {
      content,
      range,
      misbehaviour,
    }: { content: Uint8Array; range: string | undefined; misbehaviour: Misbehaviour | undefined },
  ): void {
    if (misbehaviour?.kind === "redirect") return void response.writeHead(302, { location: misbehaviour.to }).end();
    if (misbehaviour?.kind === "status")
      return void response.writeHead(misbehaviour.status, { "content-length": 0 }).end();
    const whole = misbehaviour?.kind === "other" ? misbehaviour.content : content;
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "") ?? [];
    const isPart = from !== undefined && misbehaviour?.kind !== "noRanges";
    const first = isPart ? Number(from) : 0;
    if (first >= whole.length) {
      response.writeHead(416, { "content-range": `bytes */${whole.length}`, "content-length": 0 }).end();
      return;
    }
    const last = isPart && to !== undefined && to !== "" ? Math.min(Number(to), whole.length - 1) : whole.length - 1;
    const body = whole.subarray(first, last + 1);
    response.writeHead(isPart ? 206 : 200, {
      ...(misbehaviour?.kind === "noLength" ? {} : { "content-length": body.length }),
      ...(isPart ? { "content-range": `bytes ${first}-${last}/${whole.length}` } : {}),
    });
    this.#sendBody(response, body, misbehaviour);
  }

  #sendBody(response: ServerResponse, body: Uint8Array, misbehaviour: Misbehaviour | undefined): void {
    if (misbehaviour?.kind === "trickle") {
      const timer = setInterval(() => response.write(body.subarray(0, 1)), 20);
      response.on("close", () => clearInterval(timer));
      return;
    }
    const isCut = misbehaviour?.kind === "stall" || misbehaviour?.kind === "breakOff";
    const sent = isCut ? body.subarray(0, misbehaviour.afterBytes) : body;
    if (!isCut || sent.length === body.length) response.end(sent);
    else response.write(sent, () => misbehaviour.kind === "breakOff" && response.destroy());
  }
}
