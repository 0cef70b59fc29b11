// Models in the shape of Anthropic's API, and what its answers have in common.
import assert from "node:assert/strict";
import { test } from "node:test";
import { serve } from "../support/http-front.ts";

test("models are Anthropic's for whoever names a version of its API, page by page", async (t) => {
  const { url } = await serve(t);
  const get = async (where: string) =>
    await (await fetch(`${url}${where}`, { headers: { "anthropic-version": "2023-06-01" } })).json();
  const info = (id: string) => ({
    type: "model",
    id,
    display_name: id,
    created_at: "2023-11-14T22:13:20.000Z",
    capabilities: null,
    max_input_tokens: 1000,
    max_tokens: 1000,
    lifecycle: "active",
    line: null,
    deprecated_at: null,
    retires_at: null,
  });
  assert.deepEqual(await get("/v1/models"), {
    data: [info("org/tiny:q4"), info("tiny")],
    has_more: false,
    first_id: "org/tiny:q4",
    last_id: "tiny",
  });
  const first = { data: [info("org/tiny:q4")], first_id: "org/tiny:q4", last_id: "org/tiny:q4" };
  assert.deepEqual(await get("/v1/models?limit=1"), { ...first, has_more: true });
  assert.deepEqual(await get("/v1/models?before_id=tiny"), { ...first, has_more: false });
  const second = await get("/v1/models?limit=1&after_id=org%2Ftiny%3Aq4");
  assert.deepEqual(second, { data: [info("tiny")], has_more: false, first_id: "tiny", last_id: "tiny" });
  assert.deepEqual(await get("/v1/models/org%2Ftiny:q4"), info("org/tiny:q4"));
  const none = { data: [], has_more: false, first_id: null, last_id: null };
  assert.deepEqual(await get("/v1/models?lifecycle[]=deprecated&lifecycle[]=retired"), none);
  const active = await get("/v1/models?limit=1&lifecycle[]=active");
  assert.deepEqual(active, { ...first, has_more: true });
});

test("every answer names its request as the API does, and none of another API does", async (t) => {
  const { url } = await serve(t);
  const version = { "anthropic-version": "2023-06-01" };
  const counted = JSON.stringify({ model: "tiny", messages: [{ role: "user", content: "hi" }] });
  const count = { method: "POST", headers: { "content-type": "application/json" }, body: counted };
  const table = [
    ["/v1/messages/count_tokens", count, true],
    ["/v1/models", { headers: version }, true],
    ["/v1/models/tiny", { headers: version }, true],
    ["/v1/models", {}, false],
  ] as const;
  for (const [where, init, isNamed] of table) {
    const { headers, status } = await fetch(`${url}${where}`, init);
    assert.deepEqual([status, headers.get("request-id")], [200, isNamed ? headers.get("x-request-id") : null], where);
  }
});
