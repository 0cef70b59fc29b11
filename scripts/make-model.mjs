// Writes a synthetic model file. Needs a build (npm run build).

import { createWriteStream, readFileSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";

const usage = `Usage: node scripts/make-model.mjs KIND FILE [--type F32|F16|Q8_0|Q4_0] [--seed N] [--replies JSON_FILE]

KIND   counting         "a" -> b c d ... ~, then the end
       counting-cycle   the same, without end
       branching        four likely successors a token (always F32)
       keyed            "3a" -> b3c3d3...: the largest digit of the prompt picks the alphabet
       scripted         says what --replies holds: {"reply": "...", "replies": {"?": "..."}}
       builtin          the model builtin:tiny (always F16)
       random-25m, random-135m, random-500m   realistic shapes, random weights
--type defaults to F16, --seed (random kinds) to 1.
Example: node scripts/make-model.mjs random-25m out.gguf --type Q8_0`;

const load = (name) => import(new URL(`../shared/dist/core/${name}.js`, import.meta.url).href);

function fail(message) {
  process.stderr.write(`${message}\n\n${usage}\n`);
  process.exit(2);
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        type: { type: "string", default: "F16" },
        seed: { type: "string", default: "1" },
        replies: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    return fail(error.message);
  }
}

async function describeModel(kind, { type, seed, replies }) {
  const random = /^random-(25m|135m|500m)$/.exec(kind);
  if (random) return (await load("gguf/random-model")).randomModel(random[1], type, Number(seed));
  switch (kind) {
    case "counting":
      return (await load("gguf/counting-model")).countingModel({ type });
    case "counting-cycle":
      return (await load("gguf/counting-model")).countingModel({ type, variant: "cycle" });
    case "branching":
      return (await load("gguf/branching-model")).branchingModel();
    case "keyed":
      return (await load("gguf/keyed-model")).keyedModel({ type });
    case "scripted": {
      if (replies === undefined) return fail("scripted needs --replies");
      const script = JSON.parse(readFileSync(replies, "utf8"));
      return (await load("gguf/scripted-model")).scriptedModel({ name: "scripted", type, ...script });
    }
    default:
      return fail(`unknown kind ${kind}`);
  }
}

const { positionals, values } = readArguments();
if (values.help) {
  process.stdout.write(`${usage}\n`);
  process.exit(0);
}
const [kind, path] = positionals;
if (kind === undefined || path === undefined || positionals.length > 2) fail("a kind and a file are needed");
if (!["F32", "F16", "Q8_0", "Q4_0"].includes(values.type)) fail(`unknown type ${values.type}`);
if (!Number.isInteger(Number(values.seed))) fail("the seed must be an integer");

const chunks =
  kind === "builtin"
    ? [(await load("builtin-model")).builtinTinyModel()]
    : (await load("gguf/writer")).ggufChunks(await describeModel(kind, values));
// Never written in place: an engine that has the old file mapped would crash.
const part = `${path}.part-${process.pid}`;
try {
  await pipeline(Readable.from(chunks, { objectMode: true, highWaterMark: 4 }), createWriteStream(part));
  await rename(part, path);
} catch (error) {
  await rm(part, { force: true });
  process.stderr.write(`${path} could not be written: ${error.message}\n`);
  process.exit(1);
}
