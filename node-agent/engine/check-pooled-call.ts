// What every engine checks of inputs for embeddings and ranking.
import { PomonaError } from "@pomona/shared/core/errors";

/** Most inputs of one call: the OpenAI API's limit. */
const inputsMax = 2048;

/** @throws PomonaError `invalid_request` that begins with the field. */
export function checkEmbedInputs(inputs: readonly (readonly number[])[], vocabularySize: number): void {
  checkCount("inputs", inputs.length);
  for (const [index, input] of inputs.entries()) {
    const field = `inputs[${index}]`;
    if (input.length === 0) throw invalid(field, "is empty");
    const unknown = input.find((id) => !(id >= 0 && id < vocabularySize));
    if (unknown !== undefined) throw invalid(field, `holds token ${unknown} of ${vocabularySize}`);
  }
}

/** @throws PomonaError `invalid_request` naming what is wrong. */
export function checkRankInputs(query: string, documents: readonly string[]): void {
  checkCount("documents", documents.length);
  if (query === "") throw invalid("query", "is empty");
}

export function inputTooLong(index: number, length: number, lengthMax: number): PomonaError {
  return tooLong(`inputs[${index}]`, `has ${length} tokens; ${lengthMax} are the most`);
}

/** A query is evaluated with each document. */
export function documentTooLong(index: number, length: number, lengthMax: number): PomonaError {
  return tooLong(
    `documents[${index}]`,
    `has ${length} tokens with the query and all between; ${lengthMax} are the most`,
  );
}

function checkCount(field: string, count: number): void {
  if (count === 0) throw invalid(field, "is empty");
  if (count > inputsMax) throw invalid(field, `has ${count} entries; ${inputsMax} are the most of one call`);
}

function invalid(field: string, reason: string): PomonaError {
  return new PomonaError("invalid_request", `${field} ${reason}`, { field });
}

function tooLong(field: string, reason: string): PomonaError {
  return new PomonaError("context_length_exceeded", `${field} ${reason}`, { field });
}
