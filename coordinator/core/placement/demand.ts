// How much a model is asked for, measured.

/** Arrivals that lie this far back count half (5 min). */
const halfLifeSeconds = 300;
/** What a request is taken for before any came: the study's usual one. */
const usualPromptTokens = 2000;
const usualPromptWeight = 4;

export class ModelDemand {
  #weight = 0;
  #readAtMs = 0;
  #promptTokens = usualPromptTokens * usualPromptWeight;
  #prompts = usualPromptWeight;
  /** When anyone last asked for it, or it was deployed. */
  lastUsedMs: number;

  constructor(nowMs: number) {
    this.lastUsedMs = nowMs;
    this.#readAtMs = nowMs;
  }

  /** A request came. */
  note(promptTokens: number, nowMs: number): void {
    this.#weight = this.#weightAt(nowMs) + 1;
    this.#readAtMs = nowMs;
    this.lastUsedMs = nowMs;
    const kept = 1 - 1 / (4 * usualPromptWeight);
    this.#promptTokens = this.#promptTokens * kept + promptTokens;
    this.#prompts = this.#prompts * kept + 1;
  }

  get meanPromptTokens(): number {
    return this.#promptTokens / this.#prompts;
  }

  /** Arrivals a second, the last minutes weighing most. */
  rate(nowMs: number): number {
    return (this.#weightAt(nowMs) * Math.LN2) / halfLifeSeconds;
  }

  #weightAt(nowMs: number): number {
    return this.#weight * 0.5 ** ((nowMs - this.#readAtMs) / 1000 / halfLifeSeconds);
  }
}
