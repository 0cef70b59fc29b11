// How fast a machine runs a model, and the closed forms that follow (scheduling study, sections 2.1 and 2.2).

/** One replica on one machine. Bytes are decimal. */
export type MachineProfile = {
  readonly name: string;
  readonly memoryBytes: number;
  /** Prompt tokens a second at an empty context. */
  readonly prefillTokensPerSecond: number;
  /** Context at which a prompt is evaluated at half that speed. */
  readonly contextSlowdownTokens: number;
  /** Tokens a second of one stream alone. */
  readonly decodeTokensPerSecond: number;
  /** Share of a step that each further stream adds. */
  readonly slotSlowdown: number;
  readonly kvBytesPerToken: number;
  readonly memoryBytesPerSecond: number;
  readonly slots: number;
};

/** f16 KV of a 32B model. */
export const kvBytesPerToken = 262_144;
/** Tokens of one slot. */
export const contextLength = 8192;
/** From memory or SSD back into a slot. */
export const restoreBytesPerSecond = 3e9;

type Speeds = Pick<MachineProfile, "prefillTokensPerSecond" | "decodeTokensPerSecond" | "slots"> & {
  readonly gigabytes: number;
  readonly gigabytesPerSecond: number;
};

function machine(name: string, speeds: Speeds): MachineProfile {
  const { gigabytes, gigabytesPerSecond, ...rest } = speeds;
  return {
    name,
    memoryBytes: gigabytes * 1e9,
    contextSlowdownTokens: 24_000,
    slotSlowdown: 0.3,
    kvBytesPerToken,
    memoryBytesPerSecond: gigabytesPerSecond * 1e9,
    ...rest,
  };
}

const m4Max = { prefillTokensPerSecond: 182, decodeTokensPerSecond: 30, slots: 4, gigabytesPerSecond: 546 };

/** The chip that service level objectives are measured by. */
export const referenceMachine = machine("M4 Max 128", { ...m4Max, gigabytes: 128 });

/** The study's mixed fleet with a 32B model in Q4: 21 slots. */
export const studyFleet: readonly MachineProfile[] = [
  machine("M3 Ultra 256", {
    prefillTokensPerSecond: 302,
    decodeTokensPerSecond: 33,
    slots: 4,
    gigabytes: 256,
    gigabytesPerSecond: 819,
  }),
  referenceMachine,
  machine("M4 Max 64", { ...m4Max, gigabytes: 64 }),
  machine("M2 Max 64", {
    prefillTokensPerSecond: 138,
    decodeTokensPerSecond: 23.5,
    slots: 4,
    gigabytes: 64,
    gigabytesPerSecond: 400,
  }),
  machine("M4 Pro 48", {
    prefillTokensPerSecond: 90,
    decodeTokensPerSecond: 18,
    slots: 4,
    gigabytes: 48,
    gigabytesPerSecond: 273,
  }),
  machine("M2 Pro 32", {
    prefillTokensPerSecond: 70,
    decodeTokensPerSecond: 13.7,
    slots: 1,
    gigabytes: 32,
    gigabytesPerSecond: 200,
  }),
];

/** Four machines that are the same. */
export const equalFleet: readonly MachineProfile[] = Array.from({ length: 4 }, (_, index) => ({
  ...referenceMachine,
  name: `M4 Max 128 (${index + 1})`,
}));

/** Seconds of one decoding step: every stream gets one token, and the KV of all of them is read. */
export function decodeStepSeconds(
  profile: MachineProfile,
  { streams, contextTokens }: { readonly streams: number; readonly contextTokens: number },
): number {
  const weights = (1 + profile.slotSlowdown * (streams - 1)) / profile.decodeTokensPerSecond;
  return weights + (contextTokens * profile.kvBytesPerToken) / profile.memoryBytesPerSecond;
}

/** Seconds to evaluate prompt tokens after so many that are there; the same in one piece and in chunks. */
export function prefillSeconds(
  profile: MachineProfile,
  { tokens, contextTokens }: { readonly tokens: number; readonly contextTokens: number },
): number {
  const slowdown = 1 + (contextTokens + tokens / 2) / profile.contextSlowdownTokens;
  return (tokens / profile.prefillTokensPerSecond) * slowdown;
}

/** Means of a workload, in tokens. */
export type MeanRequest = { readonly promptTokens: number; readonly outputTokens: number };

/** Requests a second that a fleet can serve for ever, with every slot busy and no prompt token reused. */
export function fluidCapacity(fleet: readonly MachineProfile[], mean: MeanRequest): number {
  return fleet.reduce((sum, profile) => {
    const streams = profile.slots;
    const contextTokens = streams * (mean.promptTokens + mean.outputTokens / 2);
    const decode = (mean.outputTokens * decodeStepSeconds(profile, { streams, contextTokens })) / streams;
    return sum + 1 / (decode + prefillSeconds(profile, { tokens: mean.promptTokens, contextTokens: 0 }));
  }, 0);
}

/** Sources that a model's file can come from, in bytes a second: the machine's own SSD, and another one's over a LAN. */
export const loadBytesPerSecond = { ssd: 3e9, lan10: 1.1e9, lan1: 1.18e8 } as const;

export type FileSource = keyof typeof loadBytesPerSecond;

/** Seconds until a model of so many bytes answers; what is not on the SSD is first copied there. */
export function loadSeconds(weightsBytes: number, source: FileSource): number {
  const startSeconds = 1;
  const copySeconds = source === "ssd" ? 0 : weightsBytes / loadBytesPerSecond[source];
  return startSeconds + copySeconds + weightsBytes / loadBytesPerSecond.ssd;
}
