// Requests that ask for something else than an answer: every method on every path, right and wrong, with what may stand beside it.
import fc from "fast-check";

export type Asked = {
  readonly method: string;
  /** The query included. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
};

const json = { "content-type": "application/json" };

/** Beside a body. */
export const bodyHeaders: fc.Arbitrary<Readonly<Record<string, string>>> = fc.oneof(
  { weight: 6, arbitrary: fc.constant(json) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Readonly<Record<string, string>>>(
      {},
      { "content-type": "text/plain" },
      { "content-type": "multipart/form-data; boundary=x" },
      { "content-type": "application/x-www-form-urlencoded" },
      { "content-type": "application/json, text/plain" },
      { "content-type": ";" },
      { "content-type": "application/json; charset=utf-7" },
      { ...json, "content-encoding": "gzip" },
      { ...json, origin: "https://example.com" },
      { ...json, "sec-fetch-site": "cross-site" },
      { ...json, "x-pomona-priority": "soon" },
      { ...json, "x-pomona-shared-system-prompt": "maybe" },
      { ...json, "idempotency-key": "k".repeat(5000) },
      { ...json, "idempotency-key": "two words" },
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(
        "",
        "-1",
        "x-1",
        `${"a".repeat(32)}`,
        `${"a".repeat(32)}-7`,
        `${"0".repeat(32)}-0.0`,
        "9".repeat(3000),
      )
      .map((id) => ({ ...json, "last-event-id": id })),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 0, max: 20 }).map((key) => ({ ...json, "idempotency-key": `key-${key}` })),
  },
);

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"];

/** `RESPONSE` stands for the id of a response that is kept. */
const paths = [
  "/",
  "/healthz",
  "/readyz",
  "/metrics",
  "/v1",
  "/v1/models",
  "/v1/models/m",
  "/v1/models/org/none",
  "/v1/chat/completions",
  "/v1/completions",
  "/v1/embeddings",
  "/v1/rerank",
  "/v1/messages",
  "/v1/messages/count_tokens",
  "/v1/messages/batches",
  "/v1/responses",
  "/v1/responses/input_tokens",
  "/v1/responses/RESPONSE",
  "/v1/responses/RESPONSE/input_items",
  "/v1/responses/RESPONSE/cancel",
  "/v1/responses/resp_none",
  "/v1/responses/resp_none/input_items",
  "/api/chat",
  "/api/tags",
  "/api/ps",
  "/api/version",
  "/api/show",
  "/api/pull",
  "/api/delete",
  "/api/blobs/sha256:0",
  "/cluster/v1/state",
  "/cluster/v1/nodes",
  "/cluster/v1/nodes/none",
  "/cluster/v1/nodes/none/settings",
  "/cluster/v1/deployments",
  "/cluster/v1/deployments/org/none",
  "/cluster/v1/requests/none",
  "/cluster/v1/plan",
  "/cluster/v1/events",
];

const spellings: fc.Arbitrary<(path: string) => string> = fc.oneof(
  { weight: 6, arbitrary: fc.constant((path: string) => path) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<(path: string) => string>(
      (path) => `${path}/`,
      (path) => `${path}//`,
      (path) => `/${path}`,
      (path) => path.toUpperCase(),
      (path) => `${path}/more`,
      (path) => `${path}%00`,
      (path) => `${path}%ff`,
      (path) => `${path}%`,
      (path) => path.replace(/[a-z](?=[a-z]*$)/, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
      (path) => path.replace("/v1", "/v2"),
      (path) => `${path}${"x".repeat(4000)}`,
    ),
  },
);

const names = [
  "limit",
  "order",
  "after",
  "include",
  "include[]",
  "stream",
  "after_id",
  "before_id",
  "recent",
  "beta",
  "__proto__",
];
const values = [
  "",
  "0",
  "1",
  "100",
  "-1",
  "1e9",
  "NaN",
  "asc",
  "false",
  "true",
  "RESPONSE",
  "m",
  "%00",
  "%ff",
  "x".repeat(3000),
];
const queries = fc
  .array(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...values)), { maxLength: 3 })
  .map((pairs) => (pairs.length === 0 ? "" : `?${pairs.map((pair) => pair.join("=")).join("&")}`));

const otherHeaders = fc.constantFrom<Readonly<Record<string, string>>>(
  {},
  {},
  json,
  { "anthropic-version": "2023-06-01" },
  { "last-event-id": "7" },
  { "last-event-id": `${"a".repeat(32)}-7` },
  { "if-match": '"x"' },
  { "if-match": '"7"', "if-none-match": "*" },
  { range: "bytes=0-3" },
  { "accept-encoding": "identity;q=0, *;q=0", accept: "text/html" },
  { origin: "null" },
);

export const asked: fc.Arbitrary<Asked> = fc
  .record({
    method: fc.constantFrom(...methods),
    path: fc.constantFrom(...paths),
    spell: spellings,
    query: queries,
    headers: otherHeaders,
  })
  .map(({ method, path, spell, query, headers }) => ({ method, path: spell(path) + query, headers }));
