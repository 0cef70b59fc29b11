// What every engine checks of inputs for embeddings and ranking.
import { PomonaError } from "@pomona/shared/core/errors";

/** Most inputs of one call: the OpenAI API's limit. */
const inputsMax = 2048;

/** @throws PomonaError `invalid_request` naming the input. */
export function checkEmbedInputs(inputs: readonly (readonly number[])[], vocabularySize: number): void {
  checkCount(inputs.length);
  for (const [index, input] of inputs.entries()) {
    if (input.length === 0) throw invalid(`input ${index} is empty`);
    const unknown = input.find((id) => !(id >= 0 && id < vocabularySize));
    if (unknown !== undefined) throw invalid(`input ${index} holds token ${unknown} of ${vocabularySize}`);
  }
}

/** @throws PomonaError `invalid_request` naming what is wrong. */
export function checkRankInputs(query: string, documents: readonly string[]): void {
  checkCount(documents.length);
  if (query === "") throw invalid("the query is empty");
}

export function inputTooLong(index: number, length: number, lengthMax: number): PomonaError {
  return invalid(`input ${index} has ${length} tokens; ${lengthMax} are the most`);
}

/** A query is evaluated with each document. */
export function documentTooLong(index: number, length: number, lengthMax: number): PomonaError {
  return invalid(`document ${index} has ${length} tokens with the query and all between; ${lengthMax} are the most`);
}

function checkCount(count: number): void {
  if (count === 0) throw invalid("there is no input");
  if (count > inputsMax) throw invalid(`there are ${count} inputs; ${inputsMax} are the most of one call`);
}

function invalid(message: string): PomonaError {
  return new PomonaError("invalid_request", message, { field: "input" });
}
