// A model hub on loopback: one repository with the API of Hugging Face, and a count of what was read of it.
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export type ModelHub = {
  readonly url: string;
  /** Bytes of each file that were sent, by its name. */
  readonly sentBytes: ReadonlyMap<string, number>;
  close(): Promise<void>;
};

const commit = "0123456789abcdef0123456789abcdef01234567";

/** Serves files by their names in the repository `owner/repo`. */
export async function startModelHub(files: ReadonlyMap<string, Uint8Array>): Promise<ModelHub> {
  const sentBytes = new Map<string, number>();
  const listing = {
    sha: commit,
    siblings: [...files].map(([rfilename, bytes]) => ({
      rfilename,
      size: bytes.length,
      lfs: { sha256: createHash("sha256").update(bytes).digest("hex"), size: bytes.length },
    })),
  };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://hub");
    if (pathname.startsWith("/api/models/owner/repo/revision/")) {
      const body = JSON.stringify(listing);
      response
        .writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) })
        .end(body);
      return;
    }
    const name = decodeURIComponent(pathname.split("/").at(-1) ?? "");
    const bytes = pathname.startsWith(`/owner/repo/resolve/${commit}/`) ? files.get(name) : undefined;
    if (bytes === undefined) {
      response.writeHead(404).end();
      return;
    }
    const [, from = "0", to = ""] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
    const end = to === "" ? bytes.length : Number(to) + 1;
    const part = bytes.subarray(Number(from), end);
    sentBytes.set(name, (sentBytes.get(name) ?? 0) + part.length);
    const isPart = request.headers.range !== undefined;
    response.writeHead(isPart ? 206 : 200, {
      "content-length": part.length,
      "accept-ranges": "bytes",
      ...(isPart ? { "content-range": `bytes ${from}-${end - 1}/${bytes.length}` } : {}),
    });
    response.end(part);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    sentBytes,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
