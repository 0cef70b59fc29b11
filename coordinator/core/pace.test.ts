import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeLoads, progressLimits } from "./pace.ts";
import { replicaOf, statusOf, TestPool } from "./test-pool.ts";

test("what a node has to do is worked out once in a tick, for all that look at it", () => {
  const pool = new TestPool();
  pool.deploy();
  pool.join(statusOf("a", { replicas: [replicaOf("ra")] }));
  for (const id of ["1", "2"]) pool.request(id);
  let asked = 0;
  const counting = { ...pool.state, boundByReplica: new Map(pool.state.boundByReplica) };
  const get = counting.boundByReplica.get.bind(counting.boundByReplica);
  counting.boundByReplica.get = (replicaId) => {
    asked += 1;
    return get(replicaId);
  };
  const loads = nodeLoads(counting);
  const member = pool.state.members.get("a");
  assert.ok(member !== undefined);
  for (let look = 0; look < 3; look += 1) {
    progressLimits(pool.context, member, loads);
    assert.equal(loads(member).bound.length, 2);
  }
  assert.equal(asked, 1);
});
