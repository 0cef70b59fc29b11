import assert from "node:assert/strict";
import { test } from "node:test";
import { HeaderFigures } from "./header-figures.ts";
import { layerCachesOf } from "./layer-caches.ts";
import { testHeader } from "./test-header.ts";

type Figures = Readonly<Record<string, number | readonly number[]>>;

/** One letter a layer: a whole context, a window, a state, both (b), nothing (-). */
function lettersOf(architecture: string, figures: Figures): string {
  const base = { block_count: 12, embedding_length: 64, "attention.head_count": 4 };
  const header = testHeader({ architecture, figures: { ...base, ...figures } });
  return layerCachesOf(new HeaderFigures(header))
    .map(({ keys, window, state }) => {
      if (state > 0) return keys > 0 ? "b" : "s";
      if (keys === 0) return "-";
      return window === null ? "c" : "w";
    })
    .join("");
}

const window = { "attention.sliding_window": 512 };
const pattern = "attention.sliding_window_pattern";
const states = { "ssm.conv_kernel": 4, "ssm.inner_size": 128, "ssm.state_size": 16, "ssm.group_count": 1 };
const everyThird = [0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1];

test("what each layer keeps follows llama.cpp's rules for the architecture", () => {
  const cases: [string, Figures, string][] = [
    ["llama", {}, "cccccccccccc"],
    // Named, but unused.
    ["llama", window, "cccccccccccc"],
    ["phi3", window, "cccccccccccc"],
    ["unheard-of", window, "cccccccccccc"],
    ["gemma2", {}, "wcwcwcwcwcwc"],
    ["gemma3", window, "wwwwwcwwwwwc"],
    ["gemma3", { ...window, [pattern]: 3 }, "wwcwwcwwcwwc"],
    ["gemma3", { ...window, [pattern]: everyThird }, "wwwwwcwwwwwc"],
    ["gemma3", {}, "cccccccccccc"],
    ["gemma3", { "attention.sliding_window": 0 }, "cccccccccccc"],
    ["gpt-oss", window, "wcwcwcwcwcwc"],
    ["cohere2", window, "wwwcwwwcwwwc"],
    ["laguna", window, "cwwwcwwwcwww"],
    ["llama4", {}, "wwwcwwwcwwwc"],
    ["llama4", { "attention.sliding_window": 0 }, "cccccccccccc"],
    ["exaone4", window, "cccccccccccc"],
    ["mellum", { ...window, [pattern]: everyThird }, "ccwccwccwccw"],
    ["step35", { ...window, [pattern]: everyThird }, "ccwccwccwccw"],
    ["gemma4", { ...window, [pattern]: everyThird, "attention.shared_kv_layers": 4 }, "ccwccwcc----"],
    ["gemma3n", { ...window, block_count: 22 }, "wwwwcwwwwcwwwwcwwwwc--"],
    // Layers that predict further tokens see everything, or keep nothing.
    ["gemma2", { nextn_predict_layers: 2 }, "wcwcwcwcwccc"],
    ["hy_v3", { nextn_predict_layers: 2 }, "cccccccccc--"],
    ["nanbeige", { num_loops: 2, block_count: 3 }, "cccccc"],
    ["mamba", states, "ssssssssssss"],
    ["rwkv7", { "wkv.head_size": 64 }, "ssssssssssss"],
    ["falcon-h1", states, "bbbbbbbbbbbb"],
    ["unheard-of", states, "bbbbbbbbbbbb"],
    ["granitehybrid", { ...states, "attention.head_count_kv": everyThird }, "sscsscsscssc"],
    ["lfm2", { "shortconv.l_cache": 3, "attention.head_count_kv": everyThird, ...window }, "sswsswsswssw"],
    ["qwen35", states, "ssscssscsssc"],
    ["qwen35", { ...states, full_attention_interval: 2, nextn_predict_layers: 2 }, "scscscscsc--"],
    ["qwen3next", { ...states, "attention.recurrent_layers": everyThird }, "ccsccsccsccs"],
    [
      "nemotron_h",
      {
        ...states,
        "attention.head_count_kv": [0, 2, 0, 0, 2, 0, 0, 2, 0, 0, 2, 0],
        feed_forward_length: [0, 0, 9, 0, 0, 9, 0, 0, 9, 0, 0, 9],
      },
      "sc-sc-sc-sc-",
    ],
    ["bert", {}, ""],
    ["gemma-embedding", window, ""],
  ];
  for (const [architecture, figures, letters] of cases) {
    assert.equal(lettersOf(architecture, figures), letters, `${architecture} ${JSON.stringify(figures)}`);
  }
});

test("widths are heads times head width, per layer where they differ; MLA keeps one key and no value", () => {
  const kept = (architecture: string, figures: Figures): [number, number, number][] =>
    layerCachesOf(
      new HeaderFigures(testHeader({ architecture, figures: { block_count: 2, embedding_length: 64, ...figures } })),
    ).map(({ keys, values, state }) => [keys, values, state]);
  const four = { "attention.head_count": 4 };
  const mla = {
    "attention.head_count_kv": 1,
    "attention.key_length": 576,
    "attention.key_length_mla": 192,
    "attention.value_length_mla": 128,
  };
  const cases: [string, Figures, [number, number, number][]][] = [
    [
      "llama",
      four,
      [
        [64, 64, 0],
        [64, 64, 0],
      ],
    ],
    [
      "llama",
      { ...four, "attention.head_count_kv": [1, 2] },
      [
        [16, 16, 0],
        [32, 32, 0],
      ],
    ],
    [
      "llama",
      { ...four, "attention.key_length": 32, "attention.value_length": 8 },
      [
        [128, 32, 0],
        [128, 32, 0],
      ],
    ],
    [
      "gemma2",
      { ...four, "attention.key_length_swa": 8 },
      [
        [32, 64, 0],
        [64, 64, 0],
      ],
    ],
    [
      "deepseek2",
      { ...four, ...mla },
      [
        [576, 0, 0],
        [576, 0, 0],
      ],
    ],
    [
      "deepseek32",
      { ...four, ...mla, "attention.indexer.key_length": 128 },
      [
        [704, 0, 0],
        [704, 0, 0],
      ],
    ],
    [
      "mamba",
      states,
      [
        [0, 0, 3 * (128 + 32) + 16 * 128],
        [0, 0, 3 * (128 + 32) + 16 * 128],
      ],
    ],
    [
      "rwkv6",
      { "wkv.head_size": 32 },
      [
        [0, 0, 64 * (2 + 32)],
        [0, 0, 64 * (2 + 32)],
      ],
    ],
    [
      "lfm2",
      { "shortconv.l_cache": 3, "attention.head_count_kv": [0, 0] },
      [
        [0, 0, 128],
        [0, 0, 128],
      ],
    ],
    [
      "kimi-linear",
      { ...four, "attention.head_count_kv": [0, 0], "kda.head_dim": 16 },
      [
        [0, 0, 4 * 16 * 25],
        [0, 0, 4 * 16 * 25],
      ],
    ],
    [
      "minimax-01",
      { ...four, full_attention_interval: 9 },
      [
        [0, 0, 4 * 16 * 16],
        [0, 0, 4 * 16 * 16],
      ],
    ],
  ];
  for (const [architecture, figures, layers] of cases) {
    assert.deepEqual(kept(architecture, figures), layers, `${architecture} ${JSON.stringify(figures)}`);
  }
});
