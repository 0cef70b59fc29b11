// What front ends do that know Ollama, beside asking: they look whether it is there, and pull what they are about to use.
import assert from "node:assert/strict";
import { test } from "node:test";
import { post, serve } from "../support/http-front.ts";

const hello = { model: "tiny", messages: [{ role: "user", content: "hi" }] };

test("the address says that it is one of Ollama's, but to a browser that asks for a page", async (t) => {
  const { url } = await serve(t);
  const found = await fetch(`${url}/`);
  assert.deepEqual([found.status, await found.text()], [200, "Ollama is running"]);
  assert.equal((await fetch(`${url}/`, { method: "HEAD" })).status, 200);
  assert.equal((await fetch(`${url}/`, { headers: { accept: "text/html,*/*;q=0.8" } })).status, 404);
  const posted = await post(`${url}/`, {});
  assert.deepEqual([posted.status, posted.headers.get("allow")], [405, "GET, HEAD"]);
});

test("JSON that is called a form, as curl does it, or nothing at all is taken, by this API alone", async (t) => {
  const { url } = await serve(t);
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const send = (path: string, body: string, more: object = {}) =>
    fetch(`${url}${path}`, { method: "POST", headers: { ...headers, ...more }, body });
  const asked = JSON.stringify({ ...hello, stream: false });
  assert.equal((await send("/api/chat", asked)).status, 200);
  const unnamed = (path: string) => fetch(`${url}${path}`, { method: "POST", body: Buffer.from(asked) });
  assert.deepEqual([(await unnamed("/api/chat")).status, (await unnamed("/v1/completions")).status], [200, 415]);
  assert.equal((await send("/v1/chat/completions", asked)).status, 415);
  const form = await send("/api/chat", "model=tiny&messages=hi");
  assert.equal(form.status, 400);
  assert.match(await form.text(), /^\{"error":"the body is not valid JSON/);
  assert.equal((await send("/api/chat", asked, { origin: "http://evil.example" })).status, 403);
});

test("a model that is there is pulled already, in a line or whole", async (t) => {
  const { url } = await serve(t);
  for (const [more, type] of [
    [{}, "application/x-ndjson"],
    [{ stream: false, insecure: true }, "application/json; charset=utf-8"],
  ] as const) {
    const response = await post(`${url}/api/pull`, { model: "tiny:latest", ...more });
    assert.deepEqual([response.status, response.headers.get("content-type")], [200, type]);
    assert.equal((await response.text()).trimEnd(), '{"status":"success"}');
  }
});
