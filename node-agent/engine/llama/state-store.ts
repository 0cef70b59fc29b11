// Saved sequence states: in memory first, on disk when the memory is full and before the process ends.
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { z } from "zod";
import { type Eviction, type SavedState, StateIndex, type StateLimits, type Wanted } from "../../core/state-index.ts";
import { copyChecked } from "./checked-copy.ts";
import type { Slot } from "./slot.ts";
import { StateMemory, stateMemoryMax } from "./state-memory.ts";

export type StateStoreOptions = StateLimits & {
  /** Of one model file, engine build and KV type: states of another are of no use. */
  readonly directory: string;
  /** Where the engine hands over states: in memory where the system has such a place. */
  readonly scratchDirectory: string;
  readonly contextLength: number;
};

const metadataSchema = z.strictObject({
  version: z.literal(2),
  scope: z.strictObject({ owner: z.string(), sharedTokens: z.number().int().min(0) }),
  tokens: z.string(),
  chunkLengths: z.array(z.number().int().min(1)),
  bytes: z.number().int().min(1),
  crc32: z.number().int().min(0),
});

/** Files are `<n>.kv` with `<n>.json` beside it, written in this order and each in one move. */
export class StateStore {
  readonly #options: StateStoreOptions;
  readonly #index: StateIndex;
  readonly #inRam: StateMemory;
  readonly #files = new Map<number, string>();
  #lastFile = 0;
  /** A state that is neither in memory nor on the disk yet. */
  #fresh: { readonly id: number; readonly path: string } | null = null;

  private constructor(options: StateStoreOptions) {
    this.#options = options;
    const ramBytes = Math.min(options.ramBytes, stateMemoryMax);
    this.#inRam = new StateMemory(ramBytes);
    this.#index = new StateIndex({ ...options, ramBytes });
  }

  /** Takes in what an earlier process left; broken files are deleted. */
  static async open(options: StateStoreOptions): Promise<StateStore> {
    const store = new StateStore(options);
    await mkdir(options.directory, { recursive: true, mode: 0o700 });
    await mkdir(options.scratchDirectory, { recursive: true, mode: 0o700 });
    const names = await readdir(options.directory);
    for (const name of names.filter((file) => file.endsWith(".json")).sort()) {
      const number = Number.parseInt(name, 10);
      store.#lastFile = Math.max(store.#lastFile, number);
      await store.#takeIn(join(options.directory, String(number))).catch(() => store.#delete(String(number)));
    }
    return store;
  }

  get states(): Iterable<SavedState> {
    return this.#index.states;
  }

  find(wanted: Wanted): { readonly state: SavedState; readonly length: number } | null {
    return this.#index.find(wanted);
  }

  /** Saves what a slot holds, unless it is saved already or too little. */
  async save(slot: Slot, bytesPerToken: number): Promise<void> {
    const { tokenIds, scope, chunkLengths } = slot;
    if (slot.needsCheckpoints || !this.#index.isWorthSaving(tokenIds, scope, tokenIds.length * bytesPerToken)) return;
    const scratch = this.#scratchPath();
    try {
      await slot.save(scratch);
      const { size: bytes } = await stat(scratch);
      const { added, replaced } = this.#index.add({
        scope,
        tokenIds: [...tokenIds],
        chunkLengths: [...chunkLengths],
        bytes,
        lastUsedMs: performance.now(),
      });
      for (const { id } of replaced) await this.#forget(id);
      this.#fresh = { id: added.id, path: scratch };
      await this.#carryOut(this.#index.evict(performance.now()));
      if (added.inRam) await this.#inRam.take(added.id, scratch, bytes);
    } finally {
      this.#fresh = null;
      await rm(scratch, { force: true });
    }
  }

  /** Puts a saved state into a slot. One that turns out to be broken is forgotten, and the slot is empty then. */
  async restore(state: SavedState, slot: Slot): Promise<void> {
    const scratch = this.#scratchPath();
    try {
      const content = this.#inRam.get(state.id);
      if (content === undefined) await this.#copyFromDisk(state, scratch);
      else await writeFile(scratch, content, { mode: 0o600 });
      await slot.restore(scratch, { ...state, tokensMax: this.#options.contextLength });
      state.lastUsedMs = performance.now();
    } catch {
      slot.clear();
      this.#index.remove(state);
      await this.#forget(state.id);
    } finally {
      await rm(scratch, { force: true });
    }
  }

  /** Copies the whole sequence of a slot into another one. When that fails the other one is empty. */
  async copy(from: Slot, to: Slot): Promise<void> {
    const scratch = this.#scratchPath();
    try {
      const { scope, chunkLengths } = from;
      await from.save(scratch);
      await to.restore(scratch, { scope, chunkLengths, tokensMax: this.#options.contextLength });
    } catch {
      to.clear();
    } finally {
      await rm(scratch, { force: true });
    }
  }

  /** Writes what is only in memory to the disk, as far as its budget goes. */
  async flush(): Promise<void> {
    await this.#carryOut(this.#index.flush(performance.now()));
    await this.#carryOut(this.#index.evict(performance.now()));
  }

  async #carryOut(evictions: readonly Eviction[]): Promise<void> {
    for (const { kind, state } of evictions) {
      if (kind === "writeToDisk") await this.#writeToDisk(state);
      else if (kind === "dropFromRam") this.#inRam.drop(state.id);
      else await this.#deleteFile(state.id);
    }
  }

  async #writeToDisk(state: SavedState): Promise<void> {
    this.#lastFile += 1;
    const name = String(this.#lastFile);
    const path = join(this.#options.directory, name);
    const sum = await this.#writeContent(state, `${path}.kv.part`);
    if (sum === null) return;
    await rename(`${path}.kv.part`, `${path}.kv`);
    const { scope, chunkLengths, bytes } = state;
    const tokens = Buffer.from(Uint32Array.from(state.tokenIds).buffer).toString("base64");
    const metadata = { version: 2, scope, tokens, chunkLengths, bytes, crc32: sum };
    await writeFile(`${path}.json.part`, JSON.stringify(metadata), { mode: 0o600 });
    await rename(`${path}.json.part`, `${path}.json`);
    this.#files.set(state.id, name);
  }

  /** Returns its CRC-32; null when there is no such content. */
  async #writeContent({ id }: SavedState, path: string): Promise<number | null> {
    if (this.#fresh?.id === id) return await copyChecked(this.#fresh.path, path);
    const content = this.#inRam.get(id);
    if (content === undefined) return null;
    await writeFile(path, content, { mode: 0o600 });
    return crc32(content);
  }

  async #copyFromDisk(state: SavedState, to: string): Promise<void> {
    const path = join(this.#options.directory, this.#files.get(state.id) ?? "");
    const metadata = metadataSchema.parse(JSON.parse(await readFile(`${path}.json`, "utf8")));
    if ((await copyChecked(`${path}.kv`, to)) !== metadata.crc32) throw new Error("the saved state is broken");
  }

  async #takeIn(path: string): Promise<void> {
    const metadata = metadataSchema.parse(JSON.parse(await readFile(`${path}.json`, "utf8")));
    const bytes = Buffer.from(metadata.tokens, "base64");
    const tokenIds = [...new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))];
    const { scope, chunkLengths } = metadata;
    // The last use is not known; the files were numbered in their order.
    const lastUsedMs = Number.parseInt(path.slice(path.lastIndexOf("/") + 1), 10) - Number.MAX_SAFE_INTEGER;
    const { added, replaced } = this.#index.add({
      scope,
      tokenIds,
      chunkLengths,
      bytes: metadata.bytes,
      isOnDisk: true,
      lastUsedMs,
    });
    this.#files.set(added.id, path.slice(path.lastIndexOf("/") + 1));
    for (const { id } of replaced) await this.#forget(id);
  }

  async #forget(id: number): Promise<void> {
    this.#inRam.drop(id);
    await this.#deleteFile(id);
  }

  async #deleteFile(id: number): Promise<void> {
    const name = this.#files.get(id);
    this.#files.delete(id);
    if (name !== undefined) await this.#delete(name);
  }

  async #delete(name: string): Promise<void> {
    for (const ending of ["json", "kv"]) await rm(join(this.#options.directory, `${name}.${ending}`), { force: true });
  }

  #scratchPath(): string {
    this.#lastFile += 1;
    return join(this.#options.scratchDirectory, `pomona-${process.pid}-${this.#lastFile}.kv`);
  }
}
