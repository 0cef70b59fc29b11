// What every engine must do with the state of a request that another replica has saved.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { appendFileSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { crc32 } from "node:zlib";
import type { AdoptedState, EngineReplica } from "@pomona/node-agent/engine/engine";
import type { Attempt, CheckpointUse, Sampling } from "@pomona/shared/core/generation";
import { attemptOf, type Changes, type Collected, ids, start } from "../support/attempts.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { waitFor } from "../support/wait-for.ts";

export type MovedStates = {
  /** With room for some thousand tokens after the prompt. */
  readonly load: () => Promise<EngineReplica>;
  /** Of some hundred tokens. */
  readonly prompt: string;
  /** After how many tokens a request goes on elsewhere, from how many of them its state holds. */
  readonly cuts?: readonly ((held: number) => number)[];
  /** Beside greedy. */
  readonly sampling?: Sampling;
};

/** So many that the attempt still runs when its state is asked for, however late that is; it is cancelled when it is there. */
const tokensMax = 7000;
/** Tokens that are looked at: so many at least, and so many after those that the state holds. */
const seenMin = 450;
const seenAfter = 50;
const saveDeadlineMs = 30_000;

/** A request as far as it is looked at, and its state somewhere in its middle. */
type Run = {
  readonly attempt: Attempt;
  readonly ids: readonly number[];
  readonly chunkLengths: readonly number[];
  readonly state: AdoptedState;
  /** Tokens of the answer in the state. */
  readonly held: number;
};

const defaultCuts = [1, 7, 40, 400].map((cut) => () => cut);
/** Cuts behind all that a state holds. */
const late = (held: number): number => held + 5;
const later = (held: number): number => held + 15;

/** Runs the suite against an engine with two replicas of one model. */
export function movedStates(name: string, { load, prompt, sampling, cuts = defaultCuts }: MovedStates): void {
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

    /** Runs a prompt on one replica; its state is saved after the first token, or somewhat later. */
    const runAndSave = async (changes: Changes = {}): Promise<Run> => {
      const [replica] = replicas();
      const promptTokenIds = await ids(replica, `${randomUUID().slice(0, 8)} ${prompt}`);
      const attempt = attemptOf(promptTokenIds, { maxTokens: tokensMax, ...changes });
      const { requestId } = attempt;
      const path = join(folder.path, `${requestId}.kv`);
      let came = 0;
      const { done } = start(replica, attempt, (frame) => {
        if (frame.kind === "tokens") came += frame.ids.length;
      });
      await waitFor(() => came > 0, saveDeadlineMs, "the first token");
      const saved = await replica.saveState(requestId, 1, path);
      const held = saved.tokenIds.length - promptTokenIds.length;
      const seen = Math.max(seenMin, held + seenAfter);
      await waitFor(() => came >= seen, saveDeadlineMs, "what comes after the state");
      replica.cancel(requestId, 1);
      const { ids: all, chunkLengths } = await done;
      const state: AdoptedState = { ...saved, requestId, path, crc32: crc32(readFileSync(path)) };
      return { attempt, ids: all.slice(0, seen), chunkLengths, state, held };
    };

    const goOn = async (run: Run, cut: number): Promise<Collected> => {
      const decoding = { ...run.attempt.decoding, maxTokens: run.ids.length };
      const emittedTokenIds = run.ids.slice(0, cut);
      const again = { ...run.attempt, epoch: 2, decoding, emittedTokenIds, promptChunkLengths: run.chunkLengths };
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
        for (const cutOf of cuts) {
          const run = await runAndSave(changes);
          const cut = cutOf(run.held);
          replica.adoptState(run.state);
          const rest = await goOn(run, cut);
          assert.deepEqual(rest.ids, run.ids.slice(cut));
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
        const rest = await goOn(run, late(run.held));
        assert.deepEqual(rest.ids, run.ids.slice(late(run.held)));
        assert.equal(useOf(rest), "failed");
        replica.dropState(run.state.path);
        assert.equal(useOf(await goOn(run, later(run.held))), undefined);
      });
    }

    test("nor is one whose file is gone", async () => {
      const [, replica] = replicas();
      const run = await runAndSave();
      rmSync(run.state.path);
      replica.adoptState(run.state);
      const rest = await goOn(run, late(run.held));
      assert.deepEqual([rest.ids, useOf(rest)], [run.ids.slice(late(run.held)), "failed"]);
    });

    test("only what runs, and has its prompt behind it, has a state to save", async () => {
      const [replica] = replicas();
      const path = join(folder.path, "none.kv");
      await assert.rejects(replica.saveState("0".repeat(32), 1, path), { code: "not_found" });
      const attempt = attemptOf(await ids(replica, `${randomUUID()} ${prompt}`), { maxTokens: seenMin });
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
