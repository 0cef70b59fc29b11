// One end of a plain download, in a process of its own: `serve BUFFER FILE`, or `download BUFFER PORT FILE`, which hashes
// what comes and writes it. BUFFER is the bytes that streams of files hold, 0 what Node gives them. Says `{"port": ...}` or
// `{"digest": ...}` over its channel.
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, statSync } from "node:fs";
import { createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";

const [, , mode = "", buffer = "0", first = "", second = ""] = process.argv;
const options = Number(buffer) === 0 ? {} : { highWaterMark: Number(buffer) };

function serve(path: string): void {
  const server = createServer((_request, response) => {
    response.setHeader("content-length", statSync(path).size);
    void pipeline(createReadStream(path, options), response).catch(() => undefined);
  });
  server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
}

/** Begins at the first message. */
function download(port: string, path: string): void {
  process.send?.({ isReady: true });
  process.once("message", () => {
    get({ host: "127.0.0.1", port }, (response) => {
      const hash = createHash("sha256");
      response.on("data", (piece: Buffer) => hash.update(piece));
      const written = pipeline(response, createWriteStream(path, options));
      void written.then(() => process.send?.({ digest: hash.digest("hex") }));
    });
  });
}

if (mode === "serve") serve(first);
else download(first, second);
