// The model that is always there: `builtin:tiny`.
import { scriptedModel } from "./gguf/scripted-model.ts";
import { writeGguf } from "./gguf/writer.ts";

/** What a model SPEC and a replica's source call it. */
export const builtinTinySource = "builtin:tiny";
/** The name under which clients ask for it. */
export const builtinTinyName = "tiny";

/** All that it ever says. */
export const builtinTinyReply = [
  "Hello! This is Pomona, which pools the computers of a small team into one service for language models. " +
    "Your request has just gone all the way: a coordinator took it in and picked a node, " +
    "and that node is sending you this text one token at a time.",
  "But please note who is speaking: I am only the built-in model, a tiny file for trying things out. " +
    "I cannot read what you write, and everybody gets exactly this answer from me, whatever the question.",
  "For real answers, add a real model. Download one as a GGUF file, then start the pool with it:",
  "    pomona up --model NAME=/path/to/model.gguf",
  "After that, ask for it by its NAME. Several machines can hold the same one, and if one of them fails " +
    "in the middle of a reply, another carries on where it stopped.",
].join("\n\n");

/**
 * Ends in a fixed marker. Messages end in the end token, because engines stop at whatever follows an answer in the
 * template: a line break there would cut the reply at its first one.
 */
const chatTemplate =
  "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + eos_token }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";

/**
 * The GGUF file of `builtin:tiny`: some 400 KB, the same bytes at every call. It answers every prompt with
 * {@link builtinTinyReply}, whatever its last token is, then ends; its trained context is 8,192 tokens.
 * Its vectors are like its answers: the same for every text.
 */
export function builtinTinyModel(): Uint8Array {
  return writeGguf(scriptedModel({ name: builtinTinyName, reply: builtinTinyReply, chatTemplate, isPooled: true }));
}
