// How a program in TypeScript uses a pool by gRPC: an answer as it comes, JSON by a schema, vectors, and an end by the user.
import { PomonaClient } from "@pomona/shared/grpc/inference-client";

export type ExampleModels = { readonly chat: string; readonly vectors: string };

/** @param address host:port of a coordinator's gRPC side, as `pomona up --json` prints it. */
export async function runExample(address: string, models: ExampleModels, write: (text: string) => void): Promise<void> {
  const client = new PomonaClient([address]);
  try {
    const messages = [{ role: "user", content: "What is the weather in Oslo? b" }];

    // An answer, as it comes. A lost connection is dialled again, and the answer goes on where it was.
    for await (const event of client.generate({ model: models.chat, chat: { messages }, maxTokens: 200 })) {
      if (event.kind === "text") write(event.text);
      if (event.kind === "ending" && event.error !== null) throw new Error(event.error.message);
    }

    // JSON that matches a schema, whatever the model would rather say.
    const schema = { type: "object", properties: { city: { enum: ["Oslo"] } }, required: ["city"] };
    let json = "";
    const output = { jsonSchema: JSON.stringify(schema) };
    for await (const event of client.generate({ model: models.chat, chat: { messages }, output }))
      if (event.kind === "text") json += event.text;
    write(`\n${JSON.stringify(JSON.parse(json))}`);

    // Vectors of length 1: their product tells how alike two texts are.
    const { embeddings } = await client.embed({ model: models.vectors, inputs: [{ text: "one" }, { text: "two" }] });
    write(`\n${embeddings.length} vectors of ${embeddings[0]?.values.length} values`);

    // Whoever has seen enough leaves the loop, or aborts a signal: the pool stops at once.
    const stop = new AbortController();
    const call = { signal: stop.signal, timeoutMs: 30_000 };
    try {
      for await (const event of client.generate({ model: models.chat, chat: { messages } }, call))
        if (event.kind === "text") stop.abort();
    } catch {
      write("\nstopped");
    }
  } finally {
    await client.close();
  }
}
