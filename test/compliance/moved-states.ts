// What every engine must do with the state of a request that another replica has saved.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { appendFileSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { crc32 } from "node:zlib";
import type { AdoptedState, EngineReplica, SequenceState } from "@pomona/node-agent/engine/engine";
import type { Attempt, CheckpointUse, Sampling } from "@pomona/shared/core/generation";
import { attemptOf, type Changes, type Collected, ids, start } from "../support/attempts.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

export type MovedStates = {
  readonly load: () => Promise<EngineReplica>;
  /** Of some hundred tokens. */
  readonly prompt: string;
  /** After how many tokens a request goes on elsewhere. */
  readonly cuts?: readonly number[];
  /** Beside greedy. */
  readonly sampling?: Sampling;
};

/** After all tokens that a state may hold. */
const late = 400;
/** Long enough for a state to be saved in its middle. */
const maxTokens = 450;

type Run = { readonly attempt: Attempt; readonly whole: Collected; readonly state: AdoptedState };

/** Runs the suite against an engine with two replicas of one model. */
export function movedStates(name: string, { load, prompt, sampling, cuts = [1, 7, 40, 400] }: MovedStates): void {
  describe(`${name}: states that move`, () => {
    const folder = createTemporaryDirectory("moved-states");
    let [from, to]: EngineReplica[] = [];
    before(async () => {
      [from, to] = [await load(), await load()];
    });
    after(async () => {
      await Promise.all([from?.close(), to?.close()]);
      folder.remove();
    });

    const replicas = (): readonly [EngineReplica, EngineReplica] => {
      assert.ok(from !== undefined && to !== undefined);
      return [from, to];
    };

    /** Runs a prompt on one replica to its end; its state is saved after the first token, or somewhat later. */
    const runAndSave = async (changes: Changes = {}, triesLeft = 5): Promise<Run> => {
      const [replica] = replicas();
      const promptTokenIds = await ids(replica, `${randomUUID().slice(0, 8)} ${prompt}`);
      const attempt = attemptOf(promptTokenIds, { maxTokens, ...changes });
      const path = join(folder.path, `${attempt.requestId}.kv`);
      let saving: Promise<SequenceState | null> = Promise.resolve(null);
      let isAsked = false;
      const whole = await start(replica, attempt, ({ kind }) => {
        if (kind !== "tokens" || isAsked) return;
        isAsked = true;
        saving = replica.saveState(attempt.requestId, 1, path).catch(() => null);
      }).done;
      const saved = await saving;
      // On a busy machine the whole answer may be there before it is asked for.
      if (saved === null && triesLeft > 0) return await runAndSave(changes, triesLeft - 1);
      assert.ok(saved !== null, "an attempt was saved while it ran");
      const state: AdoptedState = { ...saved, requestId: attempt.requestId, path, crc32: crc32(readFileSync(path)) };
      return { attempt, whole, state };
    };

    const goOn = async ({ attempt, whole }: Run, cut: number): Promise<Collected> => {
      const emittedTokenIds = whole.ids.slice(0, cut);
      const again = { ...attempt, epoch: 2, emittedTokenIds, promptChunkLengths: whole.chunkLengths };
      return await start(replicas()[1], again).done;
    };

    const useOf = ({ frames: [accepted] }: Collected): CheckpointUse | undefined =>
      accepted?.kind === "accepted" ? accepted.checkpoint : undefined;

    const modes: readonly (readonly [string, Changes])[] = [
      ["greedy", {}],
      ...(sampling === undefined ? [] : [["seeded", { sampling }] as const]),
    ];
    for (const [mode, changes] of modes) {
      test(`a request goes on exactly from the state that another replica saved, ${mode}`, async () => {
        const [, replica] = replicas();
        for (const cut of cuts) {
          const run = await runAndSave(changes);
          replica.adoptState(run.state);
          const rest = await goOn(run, cut);
          assert.deepEqual(rest.ids, run.whole.ids.slice(cut));
          assert.equal(useOf(rest), "restored");
          const evaluated = rest.frames.reduce(
            (sum, frame) => sum + (frame.kind === "prefill" ? frame.chunkLength : 0),
            0,
          );
          assert.ok(evaluated <= cut, `${evaluated} tokens were evaluated after ${cut} had come`);
          replica.dropState(run.state.path);
        }
      });
    }

    test("its file is private, and it is for its own request alone", async () => {
      const [, replica] = replicas();
      const { state } = await runAndSave();
      assert.equal(statSync(state.path).mode & 0o777, 0o600);
      assert.equal(state.bytes, statSync(state.path).size);
      replica.adoptState(state);
      const other = attemptOf(state.tokenIds, { maxTokens: 2 });
      assert.equal(useOf(await start(replica, other).done), undefined);
      replica.dropState(state.path);
    });

    const faults: readonly (readonly [string, (path: string) => void])[] = [
      ["a byte that has changed", (path) => flip(path)],
      ["an end that is missing", (path) => truncateSync(path, statSync(path).size - 100)],
      ["an end that is none of it", (path) => appendFileSync(path, "more")],
      ["nothing in it", (path) => writeFileSync(path, "")],
    ];
    for (const [fault, damage] of faults) {
      test(`a state with ${fault} is not used, and the request goes on exactly`, async () => {
        const [, replica] = replicas();
        const run = await runAndSave();
        damage(run.state.path);
        replica.adoptState(run.state);
        const rest = await goOn(run, late);
        assert.deepEqual(rest.ids, run.whole.ids.slice(late));
        assert.equal(useOf(rest), "failed");
        replica.dropState(run.state.path);
        assert.equal(useOf(await goOn(run, late + 10)), undefined);
      });
    }

    test("nor is one whose file is gone", async () => {
      const [, replica] = replicas();
      const run = await runAndSave();
      rmSync(run.state.path);
      replica.adoptState(run.state);
      const rest = await goOn(run, late);
      assert.deepEqual([rest.ids, useOf(rest)], [run.whole.ids.slice(late), "failed"]);
    });

    test("only what runs, and has its prompt behind it, has a state to save", async () => {
      const [replica] = replicas();
      const path = join(folder.path, "none.kv");
      await assert.rejects(replica.saveState("0".repeat(32), 1, path), { code: "not_found" });
      const attempt = attemptOf(await ids(replica, `${randomUUID()} ${prompt}`), { maxTokens });
      const running = start(replica, attempt);
      const saved = replica.saveState(attempt.requestId, 1, path).catch((error: unknown) => error);
      await running.done;
      assert.ok(["failed_precondition", undefined].includes(Object(await saved).code));
      await assert.rejects(replica.saveState(attempt.requestId, 1, path), { code: "not_found" });
    });
  });
}

function flip(path: string): void {
  const content = readFileSync(path);
  const middle = Math.floor(content.length / 2);
  content[middle] = (content[middle] ?? 0) ^ 1;
  writeFileSync(path, content);
}
