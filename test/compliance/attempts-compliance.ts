// What becomes of attempts whose coordinator goes away, over gRPC, whichever engine evaluates them.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, type TestContext, test } from "node:test";
import { nodeService } from "@pomona/node-agent/grpc/node-service";
import type { NodeAgent } from "@pomona/node-agent/node-agent";
import type { NodeClient } from "@pomona/proto/generated/pomona/v1/Node";
import type { NodeGenerateRequest__Output } from "@pomona/proto/generated/pomona/v1/NodeGenerateRequest";
import type { NodeGenerateResponse__Output } from "@pomona/proto/generated/pomona/v1/NodeGenerateResponse";
import { packageDefinition, pomona } from "@pomona/proto/load";
import { defaultEngineOptions } from "@pomona/shared/core/engine-options";
import type { Attempt } from "@pomona/shared/core/generation";
import { loadedInPlace, type ReplicaStatus, type RunningAttempt } from "@pomona/shared/core/node-status";
import { callUnary, createNodeClient, readStream } from "@pomona/shared/grpc/client";
import { type GrpcServer, startGrpcServer } from "@pomona/shared/grpc/server";
import { attemptFromWire, attemptToWire } from "@pomona/shared/grpc/wire";
import { nodeStatusFromWire } from "@pomona/shared/grpc/wire-status";
import { attemptOf, type Changes } from "../support/attempts.ts";
import { openLine } from "../support/cuttable-line.ts";
import { noStates } from "../support/no-states.ts";
import { waitFor } from "../support/wait-for.ts";

export type NodeUnderTest = {
  /** With enough memory for a few replicas. */
  readonly startAgent: () => NodeAgent;
  /** A model with a context of at least 4,096 tokens. */
  readonly source: string;
  /** The greedy answer to `prompt`. */
  readonly predict: (maxTokens: number) => readonly number[];
  readonly prompt: readonly number[];
};

const timeoutMs = 30_000;
const contextLength = 4096;
/** Longer than any test. */
const orphanMs = 60_000;
/** Takes seconds with either engine. */
const longTokens = 4000;

type Reading = {
  readonly ids: number[];
  /** Frames of every kind. */
  readonly frames: NodeGenerateResponse__Output[];
  /** Of an attachment from index 0. */
  request: NodeGenerateRequest__Output | null;
  /** Rejected when the stream breaks or is refused. */
  readonly done: Promise<void>;
};

type Orphaned = { readonly ids: readonly number[]; readonly heldAtMs: number };

/** Runs the suite against one node. */
export function attemptsCompliance(name: string, node: NodeUnderTest): void {
  describe(`attempts on the ${name} engine`, () => {
    let agent: NodeAgent;
    let server: GrpcServer;
    /** Of a coordinator that stays. */
    let client: NodeClient;

    before(async () => {
      agent = node.startAgent();
      agent.grpcAddress = "127.0.0.1:1";
      const services = [nodeService(agent, noStates, () => () => undefined)];
      server = await startGrpcServer({ host: "127.0.0.1", port: 0, services, packageDefinition });
      server.setServing(true);
      client = createNodeClient(server.address);
      await load("one", 1);
      await load("four", 4);
    });

    after(async () => {
      client?.close();
      await server?.close(1000);
      await agent?.close();
    });

    afterEach(async () => {
      agent.attempts.keep([]);
      await waitFor(() => !agent.attempts.isBusy, 10_000, "what a test has left to end");
    });

    async function load(replicaId: string, slots: number): Promise<void> {
      const engine = { ...defaultEngineOptions, threads: 1 };
      const spec = { model: replicaId, source: node.source, slots, contextLength, engine, ...loadedInPlace };
      await agent.load(replicaId, spec, AbortSignal.timeout(60_000));
    }

    const call = <Request>(request: Request) => ({ request, timeoutMs, signal: AbortSignal.timeout(timeoutMs) });
    const wants = (replicaId: string, changes: Changes = {}): Attempt =>
      attemptOf(node.prompt, { replicaId, maxTokens: longTokens, topLogprobs: 20, orphanMs, ...changes });

    function take(reading: Reading, response: NodeGenerateResponse__Output): void {
      reading.frames.push(response);
      if (response.frame !== "tokens") return;
      const { firstIndex, ids } = response.tokens ?? { firstIndex: -1, ids: [] };
      const before = reading.frames.findLast((frame) => frame !== response && frame.frame === "tokens")?.tokens;
      if (before != null) assert.equal(firstIndex, before.firstIndex + before.ids.length, "indices have no gap");
      reading.ids.push(...ids);
    }

    function generate(attempt: Attempt, from: NodeClient = client, signal = AbortSignal.timeout(timeoutMs)): Reading {
      const onMessage = (response: NodeGenerateResponse__Output): void => take(reading, response);
      const request = attemptToWire(attempt);
      const done = readStream(from, pomona.Node.service.Generate, { request, timeoutMs: null, signal, onMessage });
      const reading: Reading = { ids: [], frames: [], request: null, done };
      // Most that break are meant to.
      done.catch(() => undefined);
      return reading;
    }

    function attach({ requestId, epoch }: Attempt, fromIndex: number): Reading {
      const done = readStream(client, pomona.Node.service.Attach, {
        ...call({ requestId, epoch, fromIndex }),
        onMessage: ({ request, response }) => {
          reading.request ??= request;
          if (response !== null) take(reading, response);
        },
      });
      const reading: Reading = { ids: [], frames: [], request: null, done };
      done.catch(() => undefined);
      return reading;
    }

    const endingOf = ({ frames }: Reading): string | undefined => frames.at(-1)?.ending?.reason;
    const statusOf = (replicaId: string): ReplicaStatus | undefined =>
      agent.replicas().find((replica) => replica.replicaId === replicaId);
    const running = (replicaId: string): readonly RunningAttempt[] => statusOf(replicaId)?.running ?? [];
    const isFree = (replicaId: string) => (): boolean => running(replicaId).length === 0;
    const ended = (): readonly RunningAttempt[] => agent.status().endedAttempts;
    const isGone = (attempt: Attempt): Promise<void> =>
      assert.rejects(attach(attempt, 0).done, { code: "not_found", message: new RegExp(attempt.requestId) });
    const cancel = ({ requestId, epoch }: Attempt): Promise<unknown> =>
      callUnary(client, pomona.Node.service.CancelAttempt, call({ requestId, epoch }));
    const keep = (live: readonly Attempt[]): Promise<readonly string[]> =>
      callUnary(
        client,
        pomona.Node.service.KeepAttempts,
        call({ live: live.map(({ requestId, epoch }) => ({ requestId, epoch })) }),
      ).then(({ kept }) => kept.map(({ requestId }) => requestId));

    /**
     * Starts an attempt over a line of its own, lets nothing through after the first tokens, so that the ending of a fast
     * engine cannot have been read, and cuts it when it is time. Returns what came through.
     */
    async function orphan(attempt: Attempt, isTime = (): boolean => true): Promise<Orphaned> {
      const line = await openLine(server.address);
      const lost = createNodeClient(line.address);
      const reading: Reading = { ids: [], frames: [], request: null, done: Promise.resolve() };
      let heldAtMs = 0;
      const done = readStream(lost, pomona.Node.service.Generate, {
        ...call(attemptToWire(attempt)),
        onMessage: async (response) => {
          take(reading, response);
          if (reading.ids.length === 0) return;
          heldAtMs = performance.now();
          line.hold();
          await waitFor(isTime, timeoutMs, "the time to cut the line");
          line.cut();
          await new Promise(() => undefined);
        },
      });
      try {
        await assert.rejects(done, { code: "node_lost" });
        return { ids: reading.ids, heldAtMs };
      } finally {
        line.cut();
        lost.close();
      }
    }

    /** The slot is free for somebody else, at once. */
    async function serves(replicaId: string): Promise<void> {
      const reading = generate(wants(replicaId, { maxTokens: 5 }));
      await reading.done;
      assert.deepEqual(reading.ids, node.predict(5));
    }

    test("one whose reader is lost goes on, and attaching gives exactly the rest", async () => {
      const attempt = wants("one");
      const { requestId, epoch } = attempt;
      const { ids } = await orphan(attempt);
      await waitFor(() => running("one")[0]?.isOrphaned === true, 10_000, "the node to notice");
      const status = await new Promise<readonly RunningAttempt[] | undefined>((resolve, reject) => {
        client
          .watchStatus({})
          .once("data", (message) => {
            resolve(nodeStatusFromWire(message.status).replicas.find(({ replicaId }) => replicaId === "one")?.running);
          })
          .once("error", reject);
      });
      assert.deepEqual(status, [{ requestId, epoch, isOrphaned: true }]);
      const rest = attach(attempt, ids.length);
      await waitFor(() => running("one")[0]?.isOrphaned !== true, 10_000, "it to have a reader again");
      await rest.done;
      assert.deepEqual([...ids, ...rest.ids], node.predict(longTokens));
      assert.equal(endingOf(rest), "FINISH_REASON_LENGTH");
      await isGone(attempt);
    });

    test("one that ends unread is kept with its ending, and its slot is free at once", async () => {
      const attempt = wants("one", { maxTokens: 400 });
      const { requestId, epoch } = attempt;
      const { ids } = await orphan(attempt);
      await waitFor(() => isFree("one")() && ended()[0]?.isOrphaned === true, timeoutMs, "the attempt to end unread");
      assert.deepEqual(ended(), [{ requestId, epoch, isOrphaned: true }]);
      await serves("one");
      const rest = attach(attempt, ids.length);
      await rest.done;
      assert.deepEqual([...ids, ...rest.ids], node.predict(400));
      assert.equal(endingOf(rest), "FINISH_REASON_LENGTH");
      assert.deepEqual(ended(), []);
      await isGone(attempt);
    });

    test("one that nobody takes up in time is gone, and its slot is free", async () => {
      const attempt = wants("one", { orphanMs: 400 });
      const { heldAtMs } = await orphan(attempt);
      await waitFor(isFree("one"), 10_000, "the attempt to be cancelled");
      assert.ok(performance.now() - heldAtMs >= 400, "it was given its time");
      assert.deepEqual(ended(), [], "it was cancelled, and has not come to its end");
      await isGone(attempt);
      await serves("one");
    });

    test("one that ended unread leaves when its time is over", async () => {
      const attempt = wants("one", { maxTokens: 400, orphanMs: 1000 });
      const { requestId, epoch } = attempt;
      const { heldAtMs } = await orphan(attempt, () => ended().length === 1);
      await waitFor(() => ended()[0]?.isOrphaned === true, 10_000, "the node to notice");
      assert.deepEqual(ended(), [{ requestId, epoch, isOrphaned: true }]);
      await waitFor(() => ended().length === 0, 10_000, "its time to be over");
      assert.ok(performance.now() - heldAtMs >= 1000, "it was given its time");
      await isGone(attempt);
    });

    test("one that is to end with its reader does", async () => {
      const attempt = wants("one", { orphanMs: 0 });
      await orphan(attempt);
      await waitFor(isFree("one"), 10_000, "the attempt to be cancelled");
      assert.deepEqual(ended(), []);
      await isGone(attempt);
    });

    test("leaving does not cancel one that may go on; CancelAttempt frees its slot, also twice", async (t: TestContext) => {
      const attempt = wants("one");
      const left = new AbortController();
      const { ids, done } = generate(attempt, client, left.signal);
      await waitFor(() => ids.length > 0, 10_000, "the first token");
      left.abort();
      await assert.rejects(done, { code: "cancelled" });
      await waitFor(() => running("one")[0]?.isOrphaned === true, 10_000, "the node to notice");
      const reader = attach(attempt, 0);
      await waitFor(() => reader.ids.length > 0, 10_000, "the reader to read");
      await cancel({ ...attempt, epoch: 2 });
      assert.equal(running("one").length, 1, "another epoch is another attempt");
      const askedAtMs = performance.now();
      await cancel(attempt);
      await waitFor(isFree("one"), 2500, "the slot to be free");
      t.diagnostic(`free after ${Math.round(performance.now() - askedAtMs)} ms`);
      await reader.done;
      assert.equal(endingOf(reader), "FINISH_REASON_CANCELLED");
      await cancel(attempt);
      await isGone(attempt);
      await serves("one");
    });

    test("KeepAttempts ends exactly those that are not named by request and epoch", async () => {
      const [kept, unnamed, otherEpoch, lost] = [wants("four"), wants("four"), wants("four"), wants("four")];
      const over = wants("one", { maxTokens: 400 });
      await orphan(over);
      await waitFor(() => ended().length === 1, 10_000, "one to end unread");
      const readings = [kept, unnamed, otherEpoch].map((attempt) => generate(attempt));
      await orphan(lost);
      await waitFor(() => readings.every(({ ids }) => ids.length > 0), 10_000, "all to run");
      const never = wants("four");
      assert.deepEqual(await keep([kept, { ...otherEpoch, epoch: 2 }, never]), [kept.requestId]);
      await waitFor(() => running("four").length === 1, 2500, "three slots to be free");
      assert.deepEqual(
        running("four").map(({ requestId }) => requestId),
        [kept.requestId],
      );
      assert.deepEqual(ended(), []);
      await Promise.all(readings.map(({ done }) => done));
      const reasons = readings.map(endingOf);
      assert.deepEqual(reasons, ["FINISH_REASON_LENGTH", "FINISH_REASON_CANCELLED", "FINISH_REASON_CANCELLED"]);
      assert.deepEqual(readings[0]?.ids, node.predict(longTokens));
      for (const attempt of [lost, over]) await isGone(attempt);
    });

    test("attaching from index 0 gives all that a coordinator that knows nothing needs", async () => {
      const attempt = wants("one", {
        epoch: 3,
        emittedTokenIds: node.predict(2),
        promptChunkLengths: [node.prompt.length - 1],
        maxTokens: 400,
        stopTokenIds: [7],
        takeover: new Uint8Array(64 * 1024).map((_, index) => index % 251),
      });
      await orphan(attempt);
      const whole = attach(attempt, 0);
      await whole.done;
      assert.ok(whole.request !== null);
      assert.deepEqual(attemptFromWire(whole.request), attempt);
      const kinds = whole.frames.map(({ frame }) => frame);
      assert.deepEqual([kinds[0], kinds.at(-1)], ["accepted", "ending"]);
      assert.deepEqual(whole.ids, node.predict(400).slice(2));
    });

    test("a later epoch ends the earlier one and gets its slot; one that is not later is refused", async () => {
      const first = wants("one", { epoch: 2 });
      const earlier = generate(first);
      await waitFor(() => earlier.ids.length > 5, 10_000, "some tokens");
      for (const epoch of [1, 2])
        await assert.rejects(generate({ ...first, epoch }).done, { code: "failed_precondition", message: /epoch 2/ });
      const emittedTokenIds = earlier.ids.slice(0, 5);
      const later = generate({
        ...wants("one", { epoch: 3, emittedTokenIds, maxTokens: 50 }),
        requestId: first.requestId,
      });
      await Promise.all([earlier.done, later.done]);
      assert.equal(endingOf(earlier), "FINISH_REASON_CANCELLED");
      assert.deepEqual([...emittedTokenIds, ...later.ids], node.predict(50));
      await isGone(first);
    });

    test("one whose replica goes can still be attached, and tells what became of it", async () => {
      await load("brief", 1);
      const attempt = wants("brief");
      const { ids } = await orphan(attempt);
      await agent.unload("brief");
      assert.equal(statusOf("brief"), undefined);
      const rest = attach(attempt, ids.length);
      await rest.done;
      const all = [...ids, ...rest.ids];
      assert.ok(all.length < longTokens);
      assert.deepEqual(all, node.predict(all.length));
      const error = rest.frames.at(-1)?.ending?.error;
      assert.deepEqual([error?.code, error?.isRetryable], ["node_lost", true]);
    });

    test("a reader that stalls holds up neither the attempt nor its slot, and misses nothing", async () => {
      const attempt = wants("one");
      let resume: () => void = () => undefined;
      const stalled = new Promise<void>((resolve) => {
        resume = resolve;
      });
      const reading: Reading = { ids: [], frames: [], request: null, done: Promise.resolve() };
      const done = readStream(client, pomona.Node.service.Generate, {
        ...call(attemptToWire(attempt)),
        onMessage: (response) => {
          take(reading, response);
          return response.frame === "tokens" && reading.ids.length === 1 ? stalled : undefined;
        },
      });
      await waitFor(() => reading.ids.length > 0 && isFree("one")(), timeoutMs, "the attempt to end");
      const seen = reading.ids.length;
      resume();
      await done;
      assert.ok(seen < longTokens, "the reader has stalled");
      assert.deepEqual(reading.ids, node.predict(longTokens));
    });
  });
}
