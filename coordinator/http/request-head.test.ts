import assert from "node:assert/strict";
import { test } from "node:test";
import { checkHostHeader, pathOf } from "./request-head.ts";

test("a path is written in one way, whatever it came as", () => {
  const table: readonly (readonly [url: string, path: string, host: string])[] = [
    ["/v1/models", "/v1/models", "pool"],
    ["/v1/%6D%6fdels?a=%61", "/v1/models?a=%61", "pool"],
    // What would mean something else stays as it is: a slash in a name, and a percent sign.
    ["/v1/models/org%2Ftiny%253A", "/v1/models/org%2Ftiny%253A", "pool"],
    ["/v1/models/%25%36%31", "/v1/models/%2561", "pool"],
    ["/%zz%", "/%zz%", "pool"],
    ["http://other:80/v1/models?a=b", "/v1/models?a=b", "other:80"],
    ["HTTP://other", "/", "other"],
    ["https://other?a", "/?a", "other"],
    ["*", "/*", "pool"],
  ];
  for (const [url, path, host] of table) {
    const request = { url, headers: { host: "pool" } };
    assert.equal(pathOf(request), path);
    assert.equal(request.headers.host, host, url);
  }
});

test("a request names one host", () => {
  const isTaken = (rawHeaders: string[], httpVersion = "1.1"): boolean => {
    try {
      checkHostHeader({ rawHeaders, httpVersion });
      return true;
    } catch {
      return false;
    }
  };
  assert.ok(isTaken(["host", "a", "x", "host"]));
  assert.ok(!isTaken(["Host", "a", "HOST", "a"]));
  assert.ok(!isTaken(["x", "host"]));
  assert.ok(isTaken([], "1.0"));
});
