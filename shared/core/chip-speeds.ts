// What to expect of a chip before anything was measured on it.
import type { SpeedProfile } from "./speed-profile.ts";

/** Bytes a second of unified memory, and prompt tokens a second of a 7B model in Q4_0. */
type ChipSpeed = { readonly memoryBytesPerSecond: number; readonly prefill7b: number };

const gb = 1e9;

/**
 * Memory bandwidth: Apple's technical specifications, the largest variant of each chip. Prefill: community figures of
 * llama.cpp (ggml-org/llama.cpp, discussion 4167; pp512, LLaMA 7B Q4_0), rounded; those of the M5 series are scaled from
 * the M4 by their bandwidth.
 */
const chips: Readonly<Record<string, ChipSpeed>> = {
  "Apple M1": { memoryBytesPerSecond: 68 * gb, prefill7b: 118 },
  "Apple M1 Pro": { memoryBytesPerSecond: 200 * gb, prefill7b: 266 },
  "Apple M1 Max": { memoryBytesPerSecond: 400 * gb, prefill7b: 530 },
  "Apple M1 Ultra": { memoryBytesPerSecond: 800 * gb, prefill7b: 1030 },
  "Apple M2": { memoryBytesPerSecond: 100 * gb, prefill7b: 180 },
  "Apple M2 Pro": { memoryBytesPerSecond: 200 * gb, prefill7b: 341 },
  "Apple M2 Max": { memoryBytesPerSecond: 400 * gb, prefill7b: 671 },
  "Apple M2 Ultra": { memoryBytesPerSecond: 800 * gb, prefill7b: 1238 },
  "Apple M3": { memoryBytesPerSecond: 100 * gb, prefill7b: 187 },
  "Apple M3 Pro": { memoryBytesPerSecond: 150 * gb, prefill7b: 342 },
  "Apple M3 Max": { memoryBytesPerSecond: 400 * gb, prefill7b: 760 },
  "Apple M3 Ultra": { memoryBytesPerSecond: 819 * gb, prefill7b: 1471 },
  "Apple M4": { memoryBytesPerSecond: 120 * gb, prefill7b: 221 },
  "Apple M4 Pro": { memoryBytesPerSecond: 273 * gb, prefill7b: 440 },
  "Apple M4 Max": { memoryBytesPerSecond: 546 * gb, prefill7b: 886 },
  "Apple M5": { memoryBytesPerSecond: 153 * gb, prefill7b: 282 },
};

/** A plain processor: two channels of DDR4, and prefill as measured on two cores with a small model. */
const unknownGpu: ChipSpeed = { memoryBytesPerSecond: 100 * gb, prefill7b: 180 };
const unknownCpu: ChipSpeed = { memoryBytesPerSecond: 20 * gb, prefill7b: 12 };

/** Bytes of the weights of that 7B model. */
const weights7b = 3.56e9;
/** Share of the bandwidth that decoding reaches there: M4 Max 83 tokens/s of 153, M1 Max 61 of 112. */
const bandwidthShare = 0.54;
/** Of the study of the scheduler (24,000 tokens, 0.3). */
const contextSlowdownTokens = 24_000;
const slotSlowdown = 0.3;
/** An SSD of a Mac reads at about this speed. */
const diskBytesPerSecond = 3 * gb;

export type MachineModel = {
  /** As the machine names it, for example `Apple M4 Max`. */
  readonly chip: string;
  readonly gpu: "metal" | "cpu";
  readonly weightsBytes: number;
  readonly kvBytesPerToken: number;
};

/** The profile of a model on a chip that was never measured. */
export function expectedSpeed({ chip, gpu, weightsBytes, kvBytesPerToken }: MachineModel): SpeedProfile {
  const { memoryBytesPerSecond, prefill7b } = chips[chip] ?? (gpu === "metal" ? unknownGpu : unknownCpu);
  const bytes = Math.max(1e6, weightsBytes);
  return {
    prefillTokensPerSecond: (prefill7b * weights7b) / bytes,
    contextSlowdownTokens,
    decodeTokensPerSecond: (memoryBytesPerSecond * bandwidthShare) / bytes,
    slotSlowdown,
    kvBytesPerToken,
    memoryBytesPerSecond,
    restoreBytesPerSecond: diskBytesPerSecond,
    loadBytesPerSecond: diskBytesPerSecond,
  };
}
