// Prompts that end in the beginning of an answer, put together from what a template writes.
import { type ThoughtTags, thoughtTags } from "@pomona/shared/core/output/formats/thought-reader";

/**
 * Stands in a template's input for the text that the answer goes on from, so that no template trims it, or takes a part of
 * it for thoughts: a noncharacter of Unicode.
 */
export const beginningMark = "\ufdd2";

/** A prompt that may have opened a block of thoughts, and thoughts that go on at its end. */
export function withOpenThoughts(prompt: string, thoughts: string, tags: ThoughtTags): string {
  const [open] = thoughtTags[tags];
  const end = prompt.trimEnd();
  return `${end.endsWith(open) ? end : prompt + open}${thoughts}`;
}

/** What templates write around thoughts, before the text, is shorter. */
const markupLengthMax = 100;

/** What stands before an answer's text, with the thoughts before it that the template has left out. */
export function withThoughts(before: string, thoughts: string, tags: ThoughtTags): string {
  const [open, close] = thoughtTags[tags];
  const end = before.slice(-thoughts.length - markupLengthMax);
  const opened = end.indexOf(open);
  if (opened >= 0 && end.includes(thoughts.trim(), opened + open.length)) return before;
  const head = withoutEnd(withoutEnd(before.trimEnd(), close).trimEnd(), open);
  const isBlock = head.length < before.trimEnd().length;
  return `${isBlock ? head : before}${open}\n${thoughts.trim()}\n${close}\n\n`;
}

function withoutEnd(text: string, end: string): string {
  return text.endsWith(end) ? text.slice(0, -end.length) : text;
}

/**
 * What stands before an answer's text where there are no thoughts. Some templates close an empty block before an answer only,
 * and not before a message of the past: `prompt` is what they make of the conversation so far, for a model that is not to
 * think.
 */
export function withoutThoughts(before: string, prompt: string, tags: ThoughtTags): string {
  const [, close] = thoughtTags[tags];
  const isSaid = before.trimEnd().endsWith(close) || !prompt.trimEnd().endsWith(close);
  return !isSaid && prompt.startsWith(before.trimEnd()) ? prompt : before;
}
