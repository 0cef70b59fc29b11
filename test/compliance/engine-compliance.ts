// What every engine must do, whatever evaluates the tokens. Each engine's test runs all of it.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { EngineReplica } from "@pomona/node-agent/engine/engine";
import { PomonaError } from "@pomona/shared/core/errors";
import type { InfillTokens } from "@pomona/shared/core/infill";
import { attemptOf, ids, start, tokensOf } from "../support/attempts.ts";
import { waitFor } from "../support/wait-for.ts";

export type EngineUnderTest = {
  /** Loads a replica of `slots` slots with a context of 1,024 tokens. */
  readonly load: (slots: number) => Promise<EngineReplica>;
  /** Loads a file that is no model. */
  readonly loadJunk: () => Promise<EngineReplica>;
  /** Loads one that fills gaps, which those of `load` do not. */
  readonly loadInfilling: () => Promise<EngineReplica>;
  /** Around a gap. */
  readonly infill: InfillTokens;
  /** The greedy text of `maxTokens` tokens after a prompt. */
  readonly predict: (prompt: string, promptTokenIds: readonly number[], maxTokens: number) => string;
  /** Ends the replica's engine as a fault would. */
  readonly crash: (replica: EngineReplica) => void;
};

async function infillOf(replica: EngineReplica, gap: { readonly prefix: string; readonly suffix: string }) {
  const { stopTokenIds = [], ...prompt } = await replica.tokenize(
    { kind: "infill", ...gap },
    AbortSignal.timeout(10_000),
  );
  return { ...prompt, stopTokenIds };
}

/** Runs the suite against one engine. `skip` is the reason why it cannot run here, or false. */
export function engineCompliance(name: string, engine: EngineUnderTest): void {
  describe(name, () => {
    let replica: EngineReplica;
    before(async () => {
      replica = await engine.load(4);
    });
    after(() => replica.close());

    test("frames come in order, indices have no gap, and there is one ending", async () => {
      const promptTokenIds = await ids(replica, "7hello");
      const { frames, ending } = await start(replica, attemptOf(promptTokenIds)).done;
      const kinds = frames.map(({ kind }) => kind);
      assert.equal(kinds[0], "accepted");
      assert.equal(kinds.at(-1), "ending");
      assert.equal(kinds.filter((kind) => kind === "ending").length, 1);
      assert.ok(kinds.lastIndexOf("prefill") < kinds.indexOf("tokens"));
      let next = 0;
      for (const { firstIndex, ids: tokenIds, texts } of tokensOf(frames)) {
        assert.equal(firstIndex, next);
        assert.equal(tokenIds.length, texts.length);
        next += tokenIds.length;
      }
      assert.equal(next, 20);
      assert.equal(ending.reason, "length");
      assert.equal(ending.usage.generatedTokens, 20);
      assert.equal(ending.usage.promptTokens, promptTokenIds.length);
    });

    test("the text is the predicted one, also of 40 requests four at a time", async () => {
      for (let wave = 0; wave < 10; wave += 1) {
        const prompts = [0, 1, 2, 3].map((k) => `${(wave * 7 + k * 3) % 10}${"abcdefghij"[wave]}`);
        const texts = await Promise.all(
          prompts.map(async (prompt) => {
            const promptTokenIds = await ids(replica, prompt);
            const { text } = await start(replica, attemptOf(promptTokenIds)).done;
            return { text, expected: engine.predict(prompt, promptTokenIds, 20) };
          }),
        );
        for (const { text, expected } of texts) assert.equal(text, expected);
      }
    });

    test("a prompt that a slot holds already is not evaluated again", async () => {
      const promptTokenIds = await ids(replica, `5${"xyz".repeat(60)}a`);
      await start(replica, attemptOf(promptTokenIds)).done;
      const { frames, ending } = await start(replica, attemptOf(promptTokenIds)).done;
      assert.equal(ending.usage.cachedPromptTokens, promptTokenIds.length - 1);
      const evaluated = frames.reduce((sum, frame) => sum + (frame.kind === "prefill" ? frame.chunkLength : 0), 0);
      assert.equal(evaluated, 0);
    });

    test("a generation goes on from any index with the same text", async () => {
      const promptTokenIds = await ids(replica, `8${"q".repeat(90)}c`);
      const whole = await start(replica, attemptOf(promptTokenIds, { maxTokens: 90 })).done;
      const all = tokensOf(whole.frames).flatMap((frame) => frame.ids);
      const chunks = whole.frames.flatMap((frame) => (frame.kind === "prefill" ? [frame.chunkLength] : []));
      for (const cut of [1, 20, 64, 89]) {
        const attempt = attemptOf(promptTokenIds, {
          epoch: 2,
          emittedTokenIds: all.slice(0, cut),
          promptChunkLengths: chunks,
          maxTokens: 90,
        });
        const { frames, ending } = await start(replica, attempt).done;
        const [first] = tokensOf(frames);
        assert.equal(first?.firstIndex, cut);
        assert.deepEqual(
          tokensOf(frames).flatMap((frame) => frame.ids),
          all.slice(cut),
        );
        assert.equal(ending.usage.generatedTokens, 90);
      }
    });

    test("a stop token ends the generation and is not part of it", async () => {
      const promptTokenIds = await ids(replica, "2b");
      const whole = await start(replica, attemptOf(promptTokenIds)).done;
      const all = tokensOf(whole.frames).flatMap((frame) => frame.ids);
      const stopToken = all[5];
      assert.ok(stopToken !== undefined);
      const { frames, ending } = await start(replica, attemptOf(promptTokenIds, { stopTokenIds: [stopToken] })).done;
      assert.equal(ending.reason, "stop");
      assert.deepEqual(
        tokensOf(frames).flatMap((frame) => frame.ids),
        all.slice(0, all.indexOf(stopToken)),
      );
    });

    test("one request more than there are slots is refused, and the others are not disturbed", async () => {
      const promptTokenIds = await ids(replica, "1a");
      const running = Array.from({ length: 4 }, () => start(replica, attemptOf(promptTokenIds, { maxTokens: 200 })));
      assert.throws(() => start(replica, attemptOf(promptTokenIds)), { code: "slots_full" });
      for (const { done } of running) assert.equal((await done).ending.usage.generatedTokens, 200);
    });

    test("what does not fit the context is refused with both numbers before anything is evaluated", async () => {
      const promptTokenIds = await ids(replica, "a".repeat(1000));
      assert.throws(
        () => replica.generate(attemptOf(promptTokenIds, { maxTokens: 100 }), () => undefined),
        (error) =>
          error instanceof PomonaError && error.code === "context_length_exceeded" && /1024.*100\b/.test(error.message),
      );
    });

    test("an empty prompt and unknown token ids are refused", () => {
      for (const promptTokenIds of [[], [replica.info.vocabularySize], [-1]]) {
        assert.throws(() => replica.generate(attemptOf(promptTokenIds), () => undefined), { code: "invalid_request" });
      }
    });

    test("a cancelled attempt ends as cancelled, in prefill and in decode, and its slot serves again", async () => {
      const long = await ids(replica, `3${"lorem".repeat(150)}`);
      // Behind three others, so that the cancel comes in time on a busy machine, too.
      const ahead = Array.from({ length: 3 }, () => attemptOf(long, { maxTokens: 250 }));
      const before = ahead.map((attempt) => start(replica, attempt));
      const inPrefill = attemptOf(long, { maxTokens: 250 });
      const first = start(replica, inPrefill);
      replica.cancel(inPrefill.requestId, 1);
      assert.equal((await first.done).ending.reason, "cancelled");
      for (const { requestId } of ahead) replica.cancel(requestId, 1);
      await Promise.all(before.map(({ done }) => done));

      const inDecode = attemptOf(await ids(replica, "4d"), { maxTokens: 900 });
      const second = start(replica, inDecode);
      await waitFor(() => tokensOf(second.frames).length > 2, 10_000);
      replica.cancel(inDecode.requestId, 1);
      const { ending } = await second.done;
      assert.equal(ending.reason, "cancelled");
      assert.ok(ending.usage.generatedTokens < 900);

      const promptTokenIds = await ids(replica, "4d");
      const { text } = await start(replica, attemptOf(promptTokenIds)).done;
      assert.equal(text, engine.predict("4d", promptTokenIds, 20));
    });

    test("a file that is no model is refused with the reason", async () => {
      await assert.rejects(engine.loadJunk(), { code: "invalid_model" });
    });

    test("when the engine dies every attempt ends as failed, retryable, and the replica tells why", async () => {
      const victim = await engine.load(2);
      const promptTokenIds = await ids(victim, "6f");
      const running = [0, 1].map(() => start(victim, attemptOf(promptTokenIds, { maxTokens: 900 })));
      await waitFor(() => running.every(({ frames }) => tokensOf(frames).length > 0), 10_000);
      engine.crash(victim);
      for (const { done } of running) {
        const { ending } = await done;
        assert.equal(ending.reason, "failed");
        assert.deepEqual([ending.failure?.code, ending.failure?.isRetryable], ["engine_crashed", true]);
      }
      assert.equal((await victim.exited)?.code, "engine_crashed");
      assert.throws(() => start(victim, attemptOf(promptTokenIds)), { code: "engine_crashed" });
      await assert.rejects(ids(victim, "a"), { code: "engine_crashed" });
    });

    test("around a gap stand the model's own tokens, and what spells them in a text is text", async () => {
      const other = await engine.loadInfilling();
      const { prefix, suffix, middle, ends } = engine.infill;
      const beginning = await ids(other, "");
      // Of each character by itself: they spell no token, and the models of these tests join none.
      const plain = async (text: string): Promise<readonly number[]> =>
        (await Promise.all([...text].map((one) => ids(other, one)))).flatMap((all) => all.slice(beginning.length));
      for (const gap of [
        { prefix: "1 <fim_suffix>b", suffix: " c<fim_middle>" },
        { prefix: "", suffix: "c" },
      ]) {
        const { tokenIds, stopTokenIds, tokensLeftOut } = await infillOf(other, gap);
        const around = [prefix, ...(await plain(gap.prefix)), suffix, ...(await plain(gap.suffix)), middle];
        assert.deepEqual(tokenIds, [...beginning, ...around]);
        assert.deepEqual([stopTokenIds, tokensLeftOut], [ends, 0]);
      }
      await other.close();
    });

    test("the text of a gap goes on from any index, and what is held of its prompt is not evaluated again", async () => {
      const other = await engine.loadInfilling();
      const { tokenIds, stopTokenIds } = await infillOf(other, { prefix: "x".repeat(90), suffix: "y".repeat(90) });
      const whole = await start(other, attemptOf(tokenIds, { stopTokenIds })).done;
      assert.ok(whole.ids.length > 2);
      const again = await start(other, attemptOf(tokenIds, { stopTokenIds })).done;
      assert.deepEqual([again.text, again.ending.usage.cachedPromptTokens], [whole.text, tokenIds.length - 1]);
      const rest = attemptOf(tokenIds, { stopTokenIds, epoch: 2, emittedTokenIds: whole.ids.slice(0, 2) });
      assert.deepEqual((await start(other, rest).done).ids, whole.ids.slice(2));
      await other.close();
    });

    test("of a gap between texts that no slot takes all tokens are counted", async () => {
      const other = await engine.loadInfilling();
      const { tokenIds, tokensLeftOut } = await infillOf(other, { prefix: "a".repeat(2000), suffix: "b".repeat(3000) });
      assert.equal(tokenIds.length + tokensLeftOut, (await ids(other, "")).length + 5003);
      assert.ok(tokenIds.length > 1024 && tokenIds.length < 1100);
      await other.close();
    });

    test("a gap is refused by a model that was not made to fill one", async () => {
      const error = { code: "invalid_request", field: "suffix" };
      await assert.rejects(infillOf(replica, { prefix: "a", suffix: "b" }), error);
    });

    test("a text in which nothing is special has the tokens of an ordinary prompt", async () => {
      const { tokenIds } = await replica.tokenize({ kind: "plainText", text: "a 7b" }, AbortSignal.timeout(10_000));
      assert.deepEqual(tokenIds, await ids(replica, "a 7b"));
    });

    test("a call that was aborted before it began is refused", async () => {
      await assert.rejects(replica.tokenize({ kind: "text", text: "a" }, AbortSignal.abort()), { code: "cancelled" });
    });

    test("a replica that is closed ends its attempts, retryable, and says that nothing went wrong", async () => {
      const other = await engine.load(1);
      const { done } = start(other, attemptOf(await ids(other, "6f"), { maxTokens: 900 }));
      await other.close();
      assert.deepEqual((await done).ending.failure?.isRetryable, true);
      assert.throws(() => start(other, attemptOf([1, 324])), { code: "node_lost" });
      assert.equal(await other.exited, null);
    });
  });
}
