// What the generator is fitted to: quantiles of the public traces after the scaling of `mooncake-trace.ts` and
// `azure-trace.ts`, from the least to the greatest in equal steps of probability. No row of a trace is in here.
import type { TraceName } from "./trace-files.ts";

export type TraceStatistics = {
  readonly rows: number;
  readonly spanMs: number;
  /** Whether every prompt begins with the same block. */
  readonly hasSystemBlock: boolean;
  /** Shares of conversations with 1, 2, 3 … prompts. */
  readonly turns: readonly number[];
  /** Tokens of the first prompt of conversations with one prompt, and with more. */
  readonly onlyPrompt: readonly number[];
  readonly firstPrompt: readonly number[];
  readonly outputTokens: readonly number[];
  /** Seconds between two prompts of a conversation. */
  readonly thinkSeconds: readonly number[];
  /** Tokens that a prompt is longer than the one before it, and the share of that one's blocks that it begins with. */
  readonly growthTokens: readonly number[];
  readonly keptShare: readonly number[];
  /** Share of the conversations that begin right after another one. */
  readonly burstShare: number;
};

export const traceStatistics: Readonly<Record<TraceName, TraceStatistics>> = {
  conversation: {
    rows: 10879,
    spanMs: 3536999,
    hasSystemBlock: true,
    turns: [
      0.7, 0.174, 0.0615, 0.0273, 0.0159, 0.00697, 0.00445, 0.00326, 0.00104, 0.00193, 0.000741, 0.000297, 0.000445,
      0.000297, 0.000593, 0.00163,
    ],
    onlyPrompt: [
      222, 223, 224, 224, 224, 225, 226, 227, 229, 234, 242, 254, 277, 315, 352, 404, 493, 661, 828, 958, 1050, 1120,
      1190, 1280, 1370, 1480, 1620, 1780, 1950, 2120, 2330, 2580, 2850, 3150, 3460, 3840, 4210, 4650, 5190, 6070, 7000,
    ],
    firstPrompt: [
      223, 280, 317, 369, 452, 617, 815, 1020, 1170, 1320, 1490, 1690, 1930, 2210, 2510, 2920, 3380, 3930, 4630, 5540,
      6950,
    ],
    outputTokens: [
      1, 3, 11, 17, 25, 33, 48, 72.6, 99, 125, 155, 185, 209, 230, 251, 272, 287, 305, 319, 333, 347, 360, 371, 385,
      396, 408, 419, 432, 444, 456, 468, 483, 501, 519, 540, 562, 592, 631, 688, 814, 2000,
    ],
    thinkSeconds: [0, 28.9, 39, 51, 57, 66, 75, 81, 93, 105, 120, 135, 158, 183, 216, 258, 309, 381, 471, 606, 3030],
    growthTokens: [
      -4730, -418, 0, 13, 29, 46, 64, 78.5, 90, 101, 112, 121, 134, 148, 169, 213, 342, 693, 1100, 1650, 5430,
    ],
    keptShare: [0.037, 0.155, 0.362, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    burstShare: 0,
  },
  synthetic: {
    rows: 3181,
    spanMs: 1022025,
    hasSystemBlock: false,
    turns: [
      0.883, 0.0162, 0.0167, 0.0133, 0.0128, 0.0217, 0.0123, 0.00738, 0.00344, 0.00197, 0.000984, 0.00197, 0.00148,
      0.00295, 0, 0.00344,
    ],
    onlyPrompt: [
      3, 4, 4, 5, 5, 5, 6, 6, 7, 7, 8, 8, 9.2, 10, 12, 14, 16, 19, 22, 27, 33, 44, 65, 82, 100, 140, 189, 247, 319, 596,
      1930, 3450, 3650, 3870, 4030, 4180, 4450, 4770, 5210, 5780, 6990,
    ],
    firstPrompt: [
      258, 686, 824, 1060, 1320, 1470, 2020, 2660, 3250, 3570, 3750, 3980, 4240, 4380, 4560, 4780, 5160, 5660, 6040,
      6520, 6920,
    ],
    outputTokens: [
      1, 2, 3, 4, 6, 8, 11, 14, 18, 22, 26, 30.5, 37, 44, 52, 60, 69, 79, 87, 101, 116, 130, 148, 167, 186, 203, 218,
      235, 251, 267, 284, 300, 318, 339, 360, 387, 425, 483, 564, 691, 893,
    ],
    thinkSeconds: [
      0.003, 2.04, 4.57, 7.83, 10.9, 15.5, 20.2, 26.3, 32.5, 39.1, 48.2, 59.5, 73.2, 87.9, 106, 130, 160, 208, 259, 360,
      793,
    ],
    growthTokens: [-750, -51.6, -16, -4, -2, -1, -1, -1, 0, 0, 0, 0, 0, 1, 1, 1, 2, 3, 11.2, 45.2, 779],
    keptShare: [0.811, 0.955, 0.971, 0.978, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    burstShare: 0,
  },
  "azure-conversation": {
    rows: 19359,
    spanMs: 3501722,
    hasSystemBlock: false,
    turns: [1],
    onlyPrompt: [
      2, 120, 181, 200, 207, 235, 372, 379, 387, 393, 396, 400, 403, 407, 414, 428, 702, 922, 983, 1010, 1020, 1030,
      1050, 1060, 1070, 1080, 1100, 1110, 1130, 1150, 1190, 1280, 1320, 1430, 1870, 2300, 2720, 4080, 4080, 4090, 6950,
    ],
    firstPrompt: [],
    outputTokens: [
      7, 28, 41, 48, 54, 60, 67, 72, 77, 82, 85, 88, 91, 93, 96, 99, 103, 108, 113, 120, 129, 139, 151, 162, 177, 196,
      217, 373, 384, 391, 395, 396, 400, 406, 411, 416, 424, 430, 451, 522, 1000,
    ],
    thinkSeconds: [],
    growthTokens: [],
    keptShare: [],
    burstShare: 0,
  },
  "azure-code": {
    rows: 8336,
    spanMs: 3435949,
    hasSystemBlock: false,
    turns: [1],
    onlyPrompt: [
      3, 41, 72, 98, 138, 176, 213, 265, 350, 431, 527, 604, 714, 801, 882, 950, 1020, 1080, 1150, 1260, 1360, 1460,
      1550, 1660, 1760, 1880, 1990, 2120, 2230, 2360, 2470, 2630, 2780, 2970, 3220, 3550, 3930, 4420, 5030, 6030, 6990,
    ],
    firstPrompt: [],
    outputTokens: [
      6, 6, 6, 6, 7, 7, 7, 8, 8, 9, 9, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 16, 16, 18, 19, 20, 22, 24, 26,
      29, 33, 39, 46, 55, 69, 91, 149, 1900,
    ],
    thinkSeconds: [],
    growthTokens: [],
    keptShare: [],
    burstShare: 0.9,
  },
};
