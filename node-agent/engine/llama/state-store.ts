// Saved sequence states: in memory first, on disk when the memory is full and before the process ends.
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { z } from "zod";
import { type Eviction, type SavedState, StateIndex, type StateLimits, type Wanted } from "../../core/state-index.ts";
import type { Slot } from "./slot.ts";

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
  readonly #inRam = new Map<number, Buffer>();
  readonly #files = new Map<number, string>();
  #lastFile = 0;

  private constructor(options: StateStoreOptions) {
    this.#options = options;
    this.#index = new StateIndex(options);
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
      const content = await readFile(scratch);
      const { added, replaced } = this.#index.add({
        scope,
        tokenIds: [...tokenIds],
        chunkLengths: [...chunkLengths],
        bytes: content.length,
        inRam: true,
        onDisk: false,
        lastUsedMs: performance.now(),
      });
      this.#inRam.set(added.id, content);
      for (const { id } of replaced) await this.#forget(id);
    } finally {
      await rm(scratch, { force: true });
    }
    await this.#carryOut(this.#index.evict(performance.now()));
  }

  /** Puts a saved state into a slot. One that turns out to be broken is forgotten, and the slot is empty then. */
  async restore(state: SavedState, slot: Slot): Promise<void> {
    const scratch = this.#scratchPath();
    try {
      const content = this.#inRam.get(state.id) ?? (await this.#readFromDisk(state));
      await writeFile(scratch, content, { mode: 0o600 });
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
      else if (kind === "dropFromRam") this.#inRam.delete(state.id);
      else await this.#deleteFile(state.id);
    }
  }

  async #writeToDisk(state: SavedState): Promise<void> {
    const content = this.#inRam.get(state.id);
    if (content === undefined) return;
    this.#lastFile += 1;
    const name = String(this.#lastFile);
    const { scope, chunkLengths, bytes } = state;
    const tokens = Buffer.from(Uint32Array.from(state.tokenIds).buffer).toString("base64");
    const metadata = { version: 2, scope, tokens, chunkLengths, bytes, crc32: crc32(content) };
    await this.#writeFile(`${name}.kv`, content);
    await this.#writeFile(`${name}.json`, JSON.stringify(metadata));
    this.#files.set(state.id, name);
  }

  async #writeFile(name: string, content: Buffer | string): Promise<void> {
    const path = join(this.#options.directory, name);
    await writeFile(`${path}.part`, content, { mode: 0o600 });
    await rename(`${path}.part`, path);
  }

  async #readFromDisk(state: SavedState): Promise<Buffer> {
    const path = join(this.#options.directory, this.#files.get(state.id) ?? "");
    const content = await readFile(`${path}.kv`);
    const metadata = metadataSchema.parse(JSON.parse(await readFile(`${path}.json`, "utf8")));
    if (crc32(content) !== metadata.crc32) throw new Error("the saved state is broken");
    return content;
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
      inRam: false,
      onDisk: true,
      lastUsedMs,
    });
    this.#files.set(added.id, path.slice(path.lastIndexOf("/") + 1));
    for (const { id } of replaced) await this.#forget(id);
  }

  async #forget(id: number): Promise<void> {
    this.#inRam.delete(id);
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
