// `pomona generate` and `pomona chat`: talk to a model over the HTTP API.
import { createInterface } from "node:readline/promises";
import { defaultPorts } from "@pomona/shared/core/defaults";
import type { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { type Answer, type Message, streamChat, streamCompletion, UnreachableError } from "../http-client.ts";
import { parseCount } from "../options.ts";
import { reportError } from "../report-error.ts";

type TalkFlags = {
  readonly url: string;
  readonly json?: boolean;
  readonly maxTokens?: number;
  readonly temperature?: string;
  readonly prompt?: string;
};

export function addTalkCommands(program: Command): void {
  withFlags(program.command("generate <model>").description("continue a text"))
    .requiredOption("-p, --prompt <text>", "the text to continue")
    .addHelpText("after", '\nExample:\n  pomona generate tiny -p "Once upon a time"')
    .action((model: string, flags: TalkFlags) => guard(flags, () => generate(model, flags)));
  withFlags(program.command("chat [model]").description("talk to a model; an empty line ends"))
    .option("-p, --prompt <text>", "say this and leave after the answer")
    .addHelpText("after", '\nExample:\n  pomona chat tiny -p "Hello!"')
    .action((model: string | undefined, flags: TalkFlags) => guard(flags, () => chat(model ?? "tiny", flags)));
}

function withFlags(command: Command): Command {
  return command
    .option("--url <url>", "address of the pool", `http://127.0.0.1:${defaultPorts.http}`)
    .option("--max-tokens <n>", "longest answer", parseCount)
    .option("--temperature <t>", "0 is the likeliest answer, 1 the model's own spread")
    .option("--json", "print one line of JSON for an answer");
}

async function guard(flags: TalkFlags, talk: () => Promise<void>): Promise<void> {
  try {
    await talk();
  } catch (thrown) {
    process.exitCode = thrown instanceof UnreachableError ? exitCodes.unreachable : reportError(thrown).exitCode;
    if (thrown instanceof UnreachableError)
      process.stderr.write(`pomona: no pool answers at ${flags.url}: is it running?\n`);
  }
}

function settings(flags: TalkFlags): object {
  return {
    ...(flags.maxTokens === undefined ? {} : { max_tokens: flags.maxTokens }),
    ...(flags.temperature === undefined ? {} : { temperature: Number(flags.temperature) }),
  };
}

async function generate(model: string, flags: TalkFlags): Promise<void> {
  const body = { model, prompt: flags.prompt ?? "", max_tokens: 256, ...settings(flags) };
  const answer = await streamCompletion(flags.url, body, show(flags));
  finish(flags, { model, ...answer });
}

async function chat(model: string, flags: TalkFlags): Promise<void> {
  const messages: Message[] = [];
  const say = async (content: string): Promise<void> => {
    messages.push({ role: "user", content });
    const answer = await streamChat(flags.url, { model, messages, ...settings(flags) }, show(flags));
    messages.push({ role: "assistant", content: answer.text });
    finish(flags, { model, ...answer });
  };
  if (flags.prompt !== undefined) return say(flags.prompt);
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  for (let line = await lines.question("> "); line !== ""; line = await lines.question("> ")) await say(line);
  lines.close();
}

function show(flags: TalkFlags): (text: string) => void {
  return (text) => {
    if (flags.json !== true) process.stdout.write(text);
  };
}

function finish(flags: TalkFlags, answer: Answer & { readonly model: string }): void {
  if (flags.json === true) process.stdout.write(`${JSON.stringify(answer)}\n`);
  else {
    process.stdout.write("\n");
    process.stderr.write(`(answered by node ${answer.node})\n`);
  }
}
