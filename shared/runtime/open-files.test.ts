import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { OpenFiles } from "./open-files.ts";

function connections(): { readonly next: () => EventEmitter; readonly all: EventEmitter[] } {
  const all: EventEmitter[] = [];
  const next = (): EventEmitter => {
    const socket = new EventEmitter();
    all.push(socket);
    return socket;
  };
  return { next, all };
}

test("the last files are for refusals, and the very last for none", () => {
  const { next, all } = connections();
  const files = new OpenFiles({ max: () => 64, open: () => 31 + all.length });
  const admissions = Array.from({ length: 40 }, () => files.admit(next()));
  const counts = ["admitted", "refused", "toClose"].map((each) => admissions.filter((kind) => kind === each).length);
  assert.deepEqual(counts, [9, 16, 15]);
  assert.deepEqual(admissions, admissions.toSorted());
});

test("a connection that closes makes room, and a limit that changes counts at once", () => {
  const { next, all } = connections();
  let max = 64;
  const files = new OpenFiles({ max: () => max, open: () => 39 + all.length });
  assert.equal(files.admit(next()), "admitted");
  assert.equal(files.admit(next()), "refused");
  for (const socket of all) socket.emit("close");
  assert.equal(files.admit(next()), "admitted");
  max = 40;
  assert.equal(files.admit(next()), "toClose");
  max = Number.POSITIVE_INFINITY;
  assert.equal(files.admit(next()), "admitted");
});

test("this process has room for a connection, as the system says", () => {
  assert.equal(new OpenFiles().admit(new EventEmitter()), "admitted");
});
