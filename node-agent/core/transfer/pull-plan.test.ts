import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { chunkBytes } from "./chunks.ts";
import { nextPullWakeMs, stepPull } from "./pull-plan.ts";
import { type PullEffect, type PullEvent, type PullState, startPull } from "./pull-state.ts";

const fileOf = (chunks: number): number => chunks * chunkBytes;
const readsOf = (effects: readonly PullEffect[]): string[] =>
  effects.flatMap((effect) => (effect.kind === "read" ? [`${effect.address} ${effect.chunk}`] : []));

function pullWith(chunks: number, held: Readonly<Record<string, number>>): PullState {
  const state = startPull({ fileBytes: fileOf(chunks), heldChunks: 0, nowMs: 0 });
  for (const address of Object.keys(held)) stepPull(state, { kind: "peerAdded", address }, 0);
  return state;
}

test("several holders are read side by side, in the order of the file", () => {
  const state = pullWith(10, { a: 10, b: 10 });
  assert.deepEqual(readsOf(stepPull(state, { kind: "peerHolds", address: "a", chunks: 10 }, 0)), ["a 0", "a 1", "a 2"]);
  assert.deepEqual(readsOf(stepPull(state, { kind: "peerHolds", address: "b", chunks: 10 }, 0)), ["b 3"]);
});

test("a node that pulls itself is asked before one that has all", () => {
  const state = pullWith(10, { holder: 10, puller: 2 });
  stepPull(state, { kind: "peerHolds", address: "puller", chunks: 0 }, 0);
  stepPull(state, { kind: "peerHolds", address: "holder", chunks: 10 }, 0);
  for (const chunk of [0, 1])
    stepPull(state, { kind: "readEnded", address: "holder", chunk, end: { kind: "busy" } }, 1);
  const effects = stepPull(state, { kind: "peerHolds", address: "puller", chunks: 1 }, 2);
  assert.deepEqual(readsOf(effects), ["puller 0"]);
});

test("a node that others follow is not left for a holder because a chunk takes it longer than a question waits", () => {
  const state = pullWith(10, { holder: 10, puller: 10 });
  stepPull(state, { kind: "peerHolds", address: "puller", chunks: 1 }, 0);
  stepPull(state, { kind: "chunkCame", address: "puller", chunk: 0 }, 10);
  stepPull(state, { kind: "chunkVerified" }, 10);
  stepPull(state, { kind: "chunkWritten" }, 10);
  stepPull(state, { kind: "peerHolds", address: "holder", chunks: 10 }, 20);
  const asked: string[] = [];
  for (const event of [{ kind: "probeEnded", address: "puller", failure: null }, { kind: "timePassed" }] as const)
    asked.push(...readsOf(stepPull(state, event, 510)));
  assert.deepEqual(asked, []);
  assert.ok(nextPullWakeMs(state, 510) < 540);
  const again = stepPull(state, { kind: "timePassed" }, 540);
  assert.ok(
    again.some(({ kind, ...effect }) => kind === "probe" && "address" in effect && effect.address === "puller"),
  );
  assert.deepEqual(readsOf(stepPull(state, { kind: "timePassed" }, 1001)), ["holder 1", "holder 2", "holder 3"]);
});

test("who waits for a holder goes to a node that has got the chunk meanwhile, but not once it is coming", () => {
  const state = pullWith(10, { holder: 10, puller: 2 });
  stepPull(state, { kind: "peerHolds", address: "holder", chunks: 10 }, 0);
  stepPull(state, { kind: "chunkBegan", address: "holder", chunk: 0 }, 1);
  assert.deepEqual(stepPull(state, { kind: "peerHolds", address: "puller", chunks: 2 }, 2), [
    { kind: "cancelRead", address: "holder", chunk: 1 },
    { kind: "read", address: "puller", chunk: 1 },
    { kind: "read", address: "holder", chunk: 3 },
  ]);
});

test("a chunk that its digest does not fit costs its sender the rest, and what an earlier pull left is doubted first", () => {
  const state = startPull({ fileBytes: fileOf(4), heldChunks: 2, nowMs: 0 });
  stepPull(state, { kind: "peerAdded", address: "a" }, 0);
  stepPull(state, { kind: "peerHolds", address: "a", chunks: 4 }, 0);
  stepPull(state, { kind: "chunkCame", address: "a", chunk: 2 }, 0);
  const effects = stepPull(state, { kind: "chunkRefused" }, 0);
  assert.ok(effects.some(({ kind }) => kind === "discard"));
  assert.deepEqual(readsOf(effects), ["a 0", "a 1", "a 2"]);
  stepPull(state, { kind: "chunkCame", address: "a", chunk: 0 }, 0);
  const end = stepPull(state, { kind: "chunkRefused" }, 0);
  assert.ok(end.some((effect) => effect.kind === "tellDoubt" && effect.address === "a"));
  assert.ok(end.some((effect) => effect.kind === "giveUp" && /other bytes than its digest/.test(effect.reason)));
});

test("a chunk that everybody waits for is asked of a second node, and the slower answer is cancelled", () => {
  const state = pullWith(1, { a: 1, b: 1 });
  stepPull(state, { kind: "peerHolds", address: "a", chunks: 1 }, 0);
  stepPull(state, { kind: "peerHolds", address: "b", chunks: 1 }, 0);
  assert.deepEqual(readsOf(stepPull(state, { kind: "timePassed" }, 2500)), ["b 0"]);
  const effects = stepPull(state, { kind: "chunkCame", address: "b", chunk: 0 }, 2600);
  assert.deepEqual(effects, [
    { kind: "cancelRead", address: "a", chunk: 0 },
    { kind: "verify", address: "b", chunk: 0 },
  ]);
});

test("a pull is given up when every node failed several times, and names what each said", () => {
  const state = pullWith(2, { a: 2 });
  let effects: PullEffect[] = [];
  for (let nowMs = 0; nowMs < 3000 && !effects.some(({ kind }) => kind === "giveUp"); nowMs += 100) {
    const probed = stepPull(state, { kind: "timePassed" }, nowMs);
    effects = [...probed, ...stepPull(state, { kind: "probeEnded", address: "a", failure: "it is gone" }, nowMs)];
  }
  assert.deepEqual(effects.at(-1), { kind: "giveUp", reason: "a: it is gone" });
});

/** What a node does with what it is asked. */
type Nature = "honest" | "flaky" | "lying" | "behind" | "dead";
type World = {
  readonly chunks: number;
  readonly natures: readonly Nature[];
  readonly isPrefixBad: boolean;
  readonly heldChunks: number;
  readonly choices: readonly number[];
};

/** What the node itself says to its pull, in this order: the nodes to ask first of all, and what it finds in a chunk. */
const inOrder: ReadonlySet<PullEvent["kind"]> = new Set(["peerAdded", "chunkVerified", "chunkWritten", "chunkRefused"]);

/** What came first is passed over so often at most: an answer that others may overtake for ever is a dead node's. */
const passedOverMax = 100;

/** Runs a pull against nodes of all natures, events in a random order, and returns the chunks that were written. */
function runPull(world: World): { readonly written: string[]; readonly end: string } {
  const { chunks, natures, choices } = world;
  const heldChunks = Math.min(world.heldChunks, chunks);
  let written = new Array<string>(heldChunks).fill(world.isPrefixBad ? "bad" : "good");
  const state = startPull({ fileBytes: fileOf(chunks), heldChunks, nowMs: 0 });
  const waiting: PullEvent[] = natures.map((_, index) => ({ kind: "peerAdded", address: String(index) }));
  const came = new Map<string, string>();
  let [nowMs, draws, passedOver] = [0, 0, 0];
  const draw = (below: number): number => {
    draws += 1;
    return Math.floor((choices[draws % choices.length] ?? 0) * below);
  };
  const execute = (effect: PullEffect): void => {
    if (effect.kind === "discard") written = [];
    if (effect.kind === "probe") waiting.push(...probe(natures[Number(effect.address)] ?? "dead", effect, chunks));
    if (effect.kind === "read") waiting.push(read(effect));
    if (effect.kind === "verify") {
      const isGood = came.get(`${effect.address} ${effect.chunk}`) === "good" && !written.includes("bad");
      waiting.unshift(...verdict(isGood));
    }
  };
  const verdict = (isGood: boolean): PullEvent[] => {
    if (!isGood) return [{ kind: "chunkRefused" }];
    written.push("good");
    return [{ kind: "chunkVerified" }, { kind: "chunkWritten" }];
  };
  const read = ({ address, chunk }: PullEffect & { kind: "read" }): PullEvent => {
    const nature = natures[Number(address)] ?? "dead";
    const roll = nature === "honest" ? 9 : draw(10);
    if (roll < 3) return { kind: "readEnded", address, chunk, end: { kind: "failed", message: "cut" } };
    if (roll < 5) return { kind: "readEnded", address, chunk, end: { kind: "busy" } };
    came.set(`${address} ${chunk}`, nature === "lying" && roll < 8 ? "bad" : "good");
    return { kind: "chunkCame", address, chunk };
  };
  for (let steps = 0; steps < 20_000; steps += 1) {
    const isNext = waiting[0] !== undefined && inOrder.has(waiting[0].kind);
    const index = isNext || passedOver >= passedOverMax ? 0 : draw(waiting.length);
    passedOver = index === 0 ? 0 : passedOver + 1;
    const [event] = waiting.splice(index, 1);
    if (event === undefined) {
      nowMs = Math.min(nextPullWakeMs(state, nowMs), nowMs + 60_000);
    }
    nowMs += 1;
    state.jitter = draw(100) / 100;
    const effects = stepPull(state, event ?? { kind: "timePassed" }, nowMs);
    for (const effect of effects) {
      if (effect.kind === "finish" || effect.kind === "giveUp") return { written, end: effect.kind };
      execute(effect);
    }
  }
  return { written, end: "never" };
}

function probe(nature: Nature, { address }: PullEffect & { kind: "probe" }, chunks: number): PullEvent[] {
  if (nature === "dead") return [{ kind: "probeEnded", address, failure: "gone" }];
  const held = nature === "behind" ? Math.floor(chunks / 2) : chunks;
  return [
    { kind: "peerHolds", address, chunks: held },
    { kind: "probeEnded", address, failure: null },
  ];
}

test("whatever order chunks come in, whoever fails, lies or is cut off, one honest node makes the file whole", () => {
  const nature = fc.constantFrom<Nature>("flaky", "lying", "behind", "dead");
  const worlds = fc.record({
    chunks: fc.integer({ min: 1, max: 30 }),
    natures: fc.array(nature, { maxLength: 5 }).map((others): Nature[] => [...others, "honest"]),
    isPrefixBad: fc.boolean(),
    heldChunks: fc.nat(40),
    choices: fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1, maxLength: 200 }),
  });
  fc.assert(
    fc.property(worlds, (world) => {
      // A file that is held whole is verified by its digest alone, without any node.
      fc.pre(world.heldChunks < world.chunks);
      const { written, end } = runPull(world);
      assert.equal(end, "finish");
      assert.deepEqual(written, new Array<string>(world.chunks).fill("good"));
    }),
    {
      numRuns: 500,
      // A node that has no more than half says so again and again, before the honest one is heard.
      examples: [
        [{ chunks: 4, natures: ["behind", "flaky", "honest"], isPrefixBad: false, heldChunks: 3, choices: [0.75, 0] }],
      ],
    },
  );
});
