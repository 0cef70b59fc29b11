// 2,000 bodies and headers that are wrong somewhere; `npm run fuzz:http` sends more.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fuzzHttp, startFuzzPool } from "../fuzz/http-fuzz.ts";
import type { TwoNodes } from "../support/two-nodes.ts";

let pool: TwoNodes;

before(async () => {
  pool = await startFuzzPool();
});
after(() => pool?.close());

test("whatever is sent is answered, by no fault of the pool's own", async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  t.diagnostic(`seed ${seed}`);
  const { runs, statuses } = await fuzzHttp(pool.http, { runs: 2000, seed });
  t.diagnostic(JSON.stringify(statuses));
  assert.ok((statuses["400"] ?? 0) > runs / 4, "most of them are wrong");
  assert.ok((statuses["200"] ?? 0) > runs / 100, "some of them are right");
});
