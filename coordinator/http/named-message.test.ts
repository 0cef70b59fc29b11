import assert from "node:assert/strict";
import { test } from "node:test";
import { PomonaError } from "@pomona/shared/core/errors";
import { errorBody as anthropicBody } from "./anthropic/error-body.ts";
import { errorBody as ollamaBody } from "./ollama/error-body.ts";

test("APIs without a place for the field name it in the message, once", () => {
  const told = (message: string, field?: string): readonly string[] => {
    const error = new PomonaError("invalid_request", message, field === undefined ? {} : { field });
    return [anthropicBody(error, "id").error.message, ollamaBody(error).error];
  };
  const both = (message: string): readonly string[] => [message, message];
  assert.deepEqual(told("it has no type", "tools[0].input_schema"), both("tools[0].input_schema: it has no type"));
  assert.deepEqual(told("top_k is too small", "top_k"), both("top_k is too small"));
  assert.deepEqual(told("the body is empty"), both("the body is empty"));
});
