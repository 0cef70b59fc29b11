import assert from "node:assert/strict";
import type { IncomingHttpHeaders } from "node:http";
import { hostname } from "node:os";
import { test } from "node:test";
import { checkOrigin } from "./origin-guard.ts";

function isAllowed(headers: IncomingHttpHeaders, boundHost: string): boolean {
  try {
    checkOrigin(headers, boundHost);
    return true;
  } catch {
    return false;
  }
}

test("only names that are this pool's are answered to", () => {
  const table: readonly (readonly [host: string | undefined, boundHost: string, isAllowed: boolean])[] = [
    ["127.0.0.1:8484", "127.0.0.1", true],
    ["localhost:8484", "127.0.0.1", true],
    ["LOCALHOST", "127.0.0.1", true],
    ["[::1]:8484", "127.0.0.1", true],
    ["evil.example:8484", "127.0.0.1", false],
    ["localhost.evil.example", "127.0.0.1", false],
    ["127.0.0.1.evil.example", "127.0.0.1", false],
    ["192.168.1.5:8484", "127.0.0.1", false],
    ["pool.local", "127.0.0.1", false],
    [undefined, "127.0.0.1", false],
    ["", "127.0.0.1", false],
    ["192.168.1.5:8484", "0.0.0.0", true],
    ["[fe80::1]:8484", "::", true],
    [`${hostname()}:8484`, "0.0.0.0", true],
    ["pool.local:8484", "0.0.0.0", true],
    ["pool.local.", "0.0.0.0", true],
    ["evil.example", "0.0.0.0", false],
    ["evil.local.example", "0.0.0.0", false],
    ["a.b.local", "0.0.0.0", false],
    ["pool.example", "pool.example", true],
  ];
  for (const [host, boundHost, expected] of table) {
    const headers = host === undefined ? {} : { host };
    assert.equal(isAllowed(headers, boundHost), expected, `${host} on ${boundHost}`);
  }
});

test("pages of other origins and of other sites are refused", () => {
  const host = "127.0.0.1:8484";
  assert.ok(isAllowed({ host, origin: "http://127.0.0.1:8484" }, "127.0.0.1"), "the pool's own page");
  assert.ok(isAllowed({ host, "sec-fetch-site": "same-origin" }, "127.0.0.1"));
  assert.ok(isAllowed({ host, "sec-fetch-site": "none" }, "127.0.0.1"), "typed into the address bar");
  assert.ok(isAllowed({ host, origin: "tauri://localhost" }, "127.0.0.1"), "a program with windows of its own");
  for (const origin of [
    "http://127.0.0.1:3000",
    "http://localhost:8484",
    "https://evil.example",
    "http://tauri.localhost",
    "tauri://evil.example",
    "null",
    "",
  ]) {
    assert.ok(!isAllowed({ host, origin }, "127.0.0.1"), origin);
  }
  assert.ok(!isAllowed({ host, "sec-fetch-site": "cross-site" }, "127.0.0.1"));
});
