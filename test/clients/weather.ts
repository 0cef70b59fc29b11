// What the clients of the tests ask for: a tool for the weather, and a report of it as a document.
import { z } from "zod";

/** JSON schema of the tool's arguments. */
export const weatherParameters = {
  type: "object",
  properties: { city: { type: "string" }, unit: { type: "string", enum: ["celsius", "fahrenheit"] } },
  required: ["city"],
  additionalProperties: false,
} as const;

/** The same for clients that take zod's. */
export const weatherArguments = z.strictObject({ city: z.string() });

export const weatherDescription = "Tells the weather of a city.";

/** JSON schema of a report. */
export const reportSchema = {
  type: "object",
  properties: { city: { type: "string" }, degrees: { type: "integer" } },
  required: ["city", "degrees"],
  additionalProperties: false,
} as const;

/** The same for clients that take zod's. */
export const report = z.strictObject({ city: z.string(), degrees: z.int() });

/** What the tool finds out. */
export function weatherOf(city: string): string {
  return city === "Paris" ? "21 degrees, light wind from the west" : "27 degrees";
}
