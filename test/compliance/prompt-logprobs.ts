// What every engine tells of a prompt's tokens, whatever evaluates them.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { EngineReplica } from "@pomona/node-agent/engine/engine";
import type { AttemptFrame, TokenLogprobs } from "@pomona/shared/core/generation";
import { type PromptToken, unpackPrompt } from "@pomona/shared/core/prompt-logprobs";
import { attemptOf, type Changes, ids, start, tokensOf } from "../support/attempts.ts";

export type LoggingEngine = {
  /** A replica of two slots with a context of at least 1,024 tokens. */
  readonly load: () => Promise<EngineReplica>;
  /** Two hundred tokens and more. */
  readonly prompt: string;
  /** Greatest difference of two log-probabilities that are the same. */
  readonly tolerance: number;
};

const topLogprobs = 3;
const logged = { topLogprobs, logsPrompt: true, maxTokens: 1 } satisfies Changes;

/** All tokens of a prompt, as they came. */
export function promptOf(frames: readonly AttemptFrame[]): PromptToken[] {
  const tokens: PromptToken[] = [];
  for (const frame of frames) {
    if (frame.kind !== "promptLogprobs") continue;
    assert.equal(frame.logprobs.firstIndex, tokens.length, "there is no gap");
    tokens.push(...unpackPrompt(frame.logprobs));
  }
  return tokens;
}

function assertAlike([one, other]: readonly [TokenLogprobs, TokenLogprobs], tolerance: number, what: string): void {
  const near = (a: number, b: number): void => assert.ok(Math.abs(a - b) <= tolerance, `${what}: ${a} and ${b}`);
  near(one.logprob, other.logprob);
  assert.equal(one.top.length, other.top.length, what);
  for (const [rank, { logprob }] of one.top.entries()) near(logprob, other.top[rank]?.logprob ?? Number.NaN);
}

/** Runs the suite against one engine. */
export function promptLogprobsCompliance(name: string, { load, prompt, tolerance }: LoggingEngine): void {
  describe(`log-probabilities of a prompt: ${name}`, () => {
    let replica: EngineReplica;
    before(async () => {
      replica = await load();
    });
    after(() => replica.close());

    test("all tokens are told once, in order, before the first of the answer, also of a prompt that a slot holds", async () => {
      const promptTokenIds = await ids(replica, prompt);
      for (let run = 0; run < 3; run += 1) {
        const changes = run === 1 ? { topLogprobs: null, maxTokens: 1 } : logged;
        const { frames, ending } = await start(replica, attemptOf(promptTokenIds, changes)).done;
        if (run === 1) {
          assert.equal(ending.usage.cachedPromptTokens, promptTokenIds.length - 1, "the state is kept for others");
          continue;
        }
        assert.equal(ending.usage.cachedPromptTokens, 0);
        const kinds = frames.map(({ kind }) => kind);
        assert.ok(kinds.lastIndexOf("promptLogprobs") < kinds.indexOf("tokens"));
        assert.ok(kinds.filter((kind) => kind === "promptLogprobs").length > 1, "a long prompt comes in pieces");
        const told = promptOf(frames);
        assert.deepEqual(
          told.map(({ id }) => id),
          promptTokenIds,
        );
        const [first, ...others] = told;
        assert.equal(first?.logprobs, null);
        for (const { logprobs } of others) {
          assert.ok(logprobs !== null && logprobs.logprob <= 1e-6);
          assert.equal(logprobs.top.length, topLogprobs);
          assert.deepEqual(
            logprobs.top.map(({ logprob }) => logprob),
            logprobs.top.map(({ logprob }) => logprob).sort((a, b) => b - a),
          );
        }
      }
    });

    test("of tokens that were generated they are those that were told then", async () => {
      const promptTokenIds = await ids(replica, prompt);
      const generated = await start(replica, attemptOf(promptTokenIds, { topLogprobs, maxTokens: 100 })).done;
      assert.ok(generated.ids.length >= 50);
      const then = tokensOf(generated.frames).flatMap(({ logprobs }) => logprobs ?? []);
      const again = attemptOf([...promptTokenIds, ...generated.ids], logged);
      const now = promptOf((await start(replica, again).done).frames).slice(promptTokenIds.length);
      assert.equal(now.length, then.length);
      for (const [index, token] of now.entries()) {
        const [before, after] = [then[index], token.logprobs];
        assert.ok(before !== undefined && after !== null);
        assertAlike([after, before], tolerance, `token ${index}`);
      }
    });

    test("an attempt that goes on tells the prompt again, and the same", async () => {
      const promptTokenIds = await ids(replica, prompt);
      const whole = await start(replica, attemptOf(promptTokenIds, { ...logged, maxTokens: 20 })).done;
      const past = { epoch: 2, emittedTokenIds: whole.ids.slice(0, 10), promptChunkLengths: whole.chunkLengths };
      const rest = await start(replica, attemptOf(promptTokenIds, { ...logged, maxTokens: 20, ...past })).done;
      assert.deepEqual(rest.ids, whole.ids.slice(10));
      const [one, other] = [promptOf(whole.frames), promptOf(rest.frames)];
      assert.equal(other.length, promptTokenIds.length);
      for (const [index, { logprobs }] of other.entries()) {
        const before = one[index]?.logprobs ?? null;
        if (logprobs === null || before === null) assert.equal(logprobs, before);
        else assertAlike([logprobs, before], tolerance, `token ${index}`);
      }
    });

    test("a stream beside it goes on between any two pieces", async () => {
      const promptTokenIds = await ids(replica, prompt);
      const order: string[] = [];
      const running = start(replica, attemptOf(promptTokenIds.slice(0, 8), { maxTokens: 500 }), ({ kind }) => {
        if (kind === "tokens") order.push("token");
        if (kind !== "tokens" || order.length !== 1) return;
        const beside = attemptOf([...promptTokenIds, ...promptTokenIds], logged);
        pieces = start(replica, beside, (frame) => order.push(frame.kind)).done;
      });
      let pieces: Promise<unknown> = running.done;
      await running.done;
      await pieces;
      const places = order.flatMap((kind, place) => (kind === "promptLogprobs" ? [place] : []));
      assert.ok(places.length > 2);
      for (const [index, place] of places.slice(1).entries())
        assert.ok(order.slice(places[index], place).includes("token"), `between pieces ${index} and ${index + 1}`);
    });

    test("a prompt of one token has one, without figures, and where none are asked for none come", async () => {
      const [token = 0] = (await ids(replica, prompt)).slice(-1);
      const { frames } = await start(replica, attemptOf([token], { ...logged, topLogprobs: 0 })).done;
      assert.deepEqual(
        promptOf(frames).map(({ id, logprobs }) => [id, logprobs]),
        [[token, null]],
      );
      const plain = await start(replica, attemptOf([token], { topLogprobs, maxTokens: 1 })).done;
      assert.ok(plain.frames.every(({ kind }) => kind !== "promptLogprobs"));
    });

    test("the token that ends an answer at once has its figures in the ending", async () => {
      const promptTokenIds = await ids(replica, prompt);
      const { ids: generated, frames } = await start(replica, attemptOf(promptTokenIds, logged)).done;
      const told = tokensOf(frames).flatMap(({ logprobs }) => logprobs ?? [])[0];
      const { ending } = await start(replica, attemptOf(promptTokenIds, { ...logged, stopTokenIds: generated })).done;
      assert.equal(ending.reason, "stop");
      assert.ok(ending.endLogprobs !== undefined && told !== undefined);
      assertAlike([ending.endLogprobs, told], tolerance, "the end");
    });
  });
}
