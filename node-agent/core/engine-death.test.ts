import assert from "node:assert/strict";
import { test } from "node:test";
import { deathBy, deathReasonOf } from "./engine-death.ts";

const linux = { SIGILL: 4, SIGABRT: 6, SIGBUS: 7, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15, SIGUSR1: 10 };
const macos = { ...linux, SIGBUS: 10, SIGUSR1: 30 };
const bySignal = (signal: string) => deathBy({ exitCode: null, signal }, linux);
const byCode = (exitCode: number, numbers: Record<string, number> = linux) =>
  deathBy({ exitCode, signal: null }, numbers);

test("each fault is told in words of its own, whether it shows as a signal or as an exit code", () => {
  for (const [signal, exitCode, pattern] of [
    ["SIGBUS", 135, /model file was cut short/],
    ["SIGSEGV", 139, /memory that is not its own/],
    ["SIGABRT", 134, /inner check/],
    ["SIGKILL", 137, /killed.*memory/],
    ["SIGTERM", 143, /asked it to end/],
    ["SIGILL", 132, /instruction/],
  ] as const) {
    assert.match(bySignal(signal).words, pattern);
    assert.equal(bySignal(signal).reason, signal);
    assert.deepEqual(byCode(exitCode), bySignal(signal));
  }
});

test("the numbers of signals are those of the system", () => {
  assert.equal(byCode(138, macos).reason, "SIGBUS");
  assert.equal(byCode(138).reason, "other");
});

test("codes that name no signal are told as they are", () => {
  for (const code of [0, 1, 128, 166, 255]) {
    assert.equal(byCode(code).reason, "exit");
    assert.match(byCode(code).words, new RegExp(`exit code ${code}$`));
  }
  assert.match(byCode(160).words, /signal 32/);
});

test("metrics know the reason of a death by the cause of its error, and call others unknown", () => {
  assert.equal(deathReasonOf(bySignal("SIGBUS")), "SIGBUS");
  for (const cause of [undefined, null, "SIGBUS", {}, { reason: "whatever" }])
    assert.equal(deathReasonOf(cause), "unknown");
});
