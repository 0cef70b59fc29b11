import assert from "node:assert/strict";
import { test } from "node:test";
import { toPomonaError } from "@pomona/shared/core/errors";
import { innerCallId, outerCallId } from "./call-id.ts";
import { parseCountTokens, parseMessagesRequest } from "./messages-request.ts";

const base = { model: "m", max_tokens: 50 };
const tool = (name: string, isDeferred = false) => ({
  name,
  input_schema: { type: "object" },
  ...(isDeferred ? { defer_loading: true } : {}),
});
const tools = [tool("late", true), tool("search"), tool("later", true), tool("edit")];
const user = { role: "user", content: "hi" };
const call = (id: string) => ({ type: "tool_use", id, name: "search", input: {} });
const asks = (...ids: string[]) => ({ role: "assistant", content: ids.map(call) });
const result = (id: string, content: unknown = "42") => ({ type: "tool_result", tool_use_id: id, content });
const answers = (...content: object[]) => ({ role: "user", content });
const found = (...names: string[]) => names.map((tool_name) => ({ type: "tool_reference", tool_name }));
const change = (type: string, name: string) => ({ type, tool: { type: "tool_reference", name } });

const inputOf = (messages: readonly object[], more: object = {}) => {
  const { input } = parseMessagesRequest({ ...base, tools, messages, ...more }).requests[0];
  assert.ok(input.kind === "chat");
  return input;
};

test("a model is told of a deferred tool once the conversation has found or added it, after the others", () => {
  const namesAfter = (...messages: readonly object[]) => inputOf(messages).tools?.map(({ name }) => name);
  const search = [user, asks("a"), answers(result("a", found("later", "late")))];
  assert.deepEqual(namesAfter(user), ["search", "edit"]);
  assert.deepEqual(namesAfter(...search), ["search", "edit", "later", "late"]);
  const system = (...content: object[]) => ({ role: "system", content });
  const added = [user, system({ type: "text", text: "so" }, change("tool_addition", "late"))];
  assert.deepEqual(namesAfter(...added), ["search", "edit", "late"]);
  const removed = system(change("tool_removal", "late"), change("tool_removal", "edit"));
  assert.deepEqual(namesAfter(...added, removed), ["search"]);
  assert.deepEqual(namesAfter(...added, removed, system(change("tool_addition", "edit"))), ["search", "edit"]);
  const described = (name: string) =>
    system({ type: "tool_addition", tool: { type: "tool_definition", definition: tool(name) } });
  const told = [user, described("new"), system(change("tool_removal", "new")), system(change("tool_addition", "new"))];
  assert.deepEqual(namesAfter(...told), ["search", "edit", "new"]);
  assert.deepEqual(namesAfter(user, described("late")), ["search", "edit", "late"]);
});

test("a search that found tools says so to the model, and a change of tools alone says nothing", () => {
  const search = [user, asks("a"), answers(result("a", [{ type: "text", text: "two:" }, ...found("late", "later")]))];
  const changed = { role: "system", content: [change("tool_removal", "edit")] };
  assert.deepEqual(
    inputOf([...search, changed])
      .messages.slice(2)
      .map(({ role, content }) => [role, content]),
    [["tool", "two:\nThe tool late may be called from now on.\nThe tool later may be called from now on."]],
  );
});

test("what only a bill is for is not told to the model, so that the prompt after it is the same for all", () => {
  const billing = "x-anthropic-billing-header: cc_version=2.1.330.649; cc_entrypoint=cli; cch=fa690;";
  const promptOf = (system: unknown) => {
    const [first] = inputOf([user], { system }).messages;
    return first?.role === "system" ? first.content : null;
  };
  const blocks = (...texts: string[]) => texts.map((text) => ({ type: "text", text }));
  assert.equal(promptOf(blocks(billing, "You are an agent.")), "You are an agent.");
  assert.equal(promptOf(`${billing}\nYou are an agent.`), "You are an agent.");
  assert.equal(promptOf(blocks(billing)), null);
  assert.equal(
    promptOf(blocks("You are an agent.", `Never say ${billing}`)),
    `You are an agent.\nNever say ${billing}`,
  );
});

test("what the system says for one turn of the user is over with the next", () => {
  const once = { role: "system", content: "hurry", clear_at: "next_user_message" };
  const rolesOf = (...messages: object[]) => inputOf(messages).messages.map(({ role }) => role);
  assert.deepEqual(rolesOf(user, once), ["user", "system"]);
  assert.deepEqual(rolesOf(user, once, asks("a"), answers(result("a"))), ["user", "assistant", "tool"]);
  assert.deepEqual(rolesOf(user, { ...once, clear_at: "never" }, user), ["user", "system", "user"]);
});

test("documents and results of searches are read where they are text, and refused where they are files", () => {
  const plain = { type: "document", source: { type: "text", media_type: "text/plain", data: "All." }, title: "T" };
  const content = [{ type: "text", text: "One." }];
  const parts = { type: "document", source: { type: "content", content }, context: "C", citations: { enabled: false } };
  const hit = { type: "search_result", source: "s", title: "t", content, cache_control: { type: "ephemeral" } };
  const said = (...blocks: object[]) => inputOf([answers(...blocks)]).messages[0]?.content;
  assert.equal(said(plain, parts, { type: "text", text: "So?" }), "T\nAll.\nC\nOne.\nSo?");
  assert.equal(inputOf([user, asks("a"), answers(result("a", [hit]))]).messages[2]?.content, "t\ns\nOne.");
  const pdf = { type: "base64", media_type: "application/pdf", data: "JVBERi0=" };
  const table = [
    [{ ...plain, source: pdf }, "messages[0].content[0].document", /model m takes text alone/],
    [{ ...plain, source: { type: "url", url: "http://a/b" } }, "messages[0].content[0].document", /model m/],
    [{ ...plain, source: { ...plain.source, media_type: "text/html" } }, "messages[0].content[0].source.media_type"],
    [{ ...plain, citations: { enabled: true } }, "messages[0].content[0].citations.enabled", /not supported/],
    [{ ...hit, content: [pdf] }, "messages[0].content[0].content[0].type"],
    [
      { ...parts, source: { type: "content", content: [{ type: "image" }] } },
      "messages[0].content[0].source.content[0].image",
      /model m takes text alone/,
    ],
  ] as const;
  for (const [block, field, reason = /is/] of table) {
    const { field: named, message } = refusal(() => said(block));
    assert.equal(named, field, message);
    assert.match(message, reason);
  }
});

test("only tools that the model is told may have to be called", () => {
  const named = { tool_choice: { type: "tool", name: "late" } };
  assert.deepEqual(refusal(() => inputOf([user], named)).field, "tool_choice.name");
  const search = [user, asks("a"), answers(result("a", found("late")))];
  assert.equal(inputOf(search, named).tools?.length, 3);
  const any = { tool_choice: { type: "any" }, tools: [tool("late", true)] };
  assert.equal(refusal(() => inputOf([user], any)).field, "tool_choice");
});

function refusal(take: () => unknown): { readonly field: string | null; readonly message: string } {
  try {
    take();
  } catch (thrown) {
    const { code, field, message } = toPomonaError(thrown);
    assert.equal(code, "invalid_request", message);
    return { field, message };
  }
  throw new Error("it was taken");
}

test("every call has its result before the assistant goes on, and one alone", () => {
  const system = { role: "system", content: "hurry" };
  const taken = [
    [user, asks("a", "b"), answers(result("a"), result("b"))],
    [user, asks("a", "b"), answers(result("a")), system, answers(result("b"), { type: "text", text: "so?" })],
    [user, asks("a"), asks("b"), answers(result("b"), result("a"))],
    [user, asks("a"), answers(result("a")), asks("b"), answers(result("b"))],
  ];
  for (const messages of taken) assert.ok(inputOf(messages).messages.length >= 3);
  const table = [
    ["messages[1].content[0]", [user, asks("a"), user]],
    ["messages[1].content[1]", [user, asks("a", "b"), answers(result("a"))]],
    ["messages[1].content[0]", [user, asks("a"), user, { role: "assistant", content: "so" }, answers(result("a"))]],
    ["messages[1].content[0]", [user, asks("a"), system, asks("b"), answers(result("a"), result("b"))]],
  ] as const;
  for (const [field, messages] of table) {
    const { field: named, message } = refusal(() => inputOf(messages));
    assert.equal(named, field);
    assert.match(message, /`tool_use` ids were found without `tool_result` blocks immediately after/);
  }
});

test("the id of a call is that of no other one, until it is answered", () => {
  const again = [user, asks("a"), answers(result("a")), asks("a"), answers(result("a")), user];
  assert.deepEqual(
    inputOf(again).messages.map(({ role, toolCallId }) => [role, toolCallId]),
    [
      ["user", undefined],
      ["assistant", undefined],
      ["tool", "a"],
      ["assistant", undefined],
      ["tool", "a"],
      ["user", undefined],
    ],
  );
  for (const calls of [[asks("a", "a")], [asks("a"), asks("a")]]) {
    const { field, message } = refusal(() => inputOf([user, ...calls, answers(result("a"))]));
    assert.match(field ?? "", /^messages\[[12]\]\.content\[[01]\]\.id$/);
    assert.match(message, /must be unique/);
  }
});

test("what is only counted may end with the assistant, and with calls", () => {
  const count = (...messages: object[]) => parseCountTokens({ model: "m", tools, messages }).input;
  for (const last of [asks("a"), { role: "assistant", content: "The answer is" }]) {
    const input = count(user, last);
    assert.ok(input.kind === "chat" && input.messages.length === 2);
  }
});

test("blocks in the wrong place, and those that nobody here reads, are refused by what they are", () => {
  const says = (role: string, ...content: object[]) => [user, { role, content }, user];
  const described = (definition: object) => ({ type: "tool_addition", tool: { type: "tool_definition", definition } });
  const within = (content: object) => [user, asks("a"), answers(result("a", [content]))];
  const table = [
    [says("user", call("a")), "messages[1].content[0].type", /"tool_use": it belongs into messages of the assistant/],
    [says("user", { type: "thinking" }), "messages[1].content[0].type", /messages of the assistant/],
    [says("assistant", result("a")), "messages[1].content[0].type", /messages of the user/],
    [says("user", change("tool_addition", "late")), "messages[1].content[0].type", /messages of the system/],
    [says("assistant", { type: "server_tool_use" }), "messages[1].content[0].type", /server_tool_use.*runs no tools/],
    [says("user", { type: "image" }), "messages[1].content[0].image", /model m takes text alone/],
    [within({ type: "image" }), "messages[2].content[0].tool_result.content[0].image", /model m takes text alone/],
    [within({ type: "tool_reference" }), "messages[2].content[0].content[0].tool_name", /is missing/],
    [
      within({ type: "tool_reference", tool_name: "gone" }),
      "messages[2].content[0].content[0].tool_name",
      /names gone, .* none of the tools/,
    ],
    [says("system", change("tool_addition", "gone")), "messages[1].content[0].tool.name", /none of the tools/],
    [says("system", change("tool_removal", "gone")), "messages[1].content[0].tool.name", /none of the tools/],
    [says("system", described({ name: "a b" })), "messages[1].content[0].tool.definition.name", /letters/],
    [says("system", described({ ...tool("f"), type: "bash_20250124" })), "messages[1].content[0].tool.definition.type"],
    [says("system", { ...described(tool("f")), type: "tool_removal" }), "messages[1].content[0].tool.type"],
    [[{ role: "system", content: [change("tool_addition", "late")] }], "messages", /say something/],
    [[{ ...user, clear_at: "never" }], "messages[0].clear_at", /role system only/],
    [[user, { role: "system", content: "so", clear_at: "now" }], "messages[1].clear_at"],
    [
      [user, { role: "system", content: Array.from({ length: 600 }, (_, index) => described(tool(`t${index}`))) }],
      "messages[1].content[508].tool.definition",
      /at most 512 tools/,
    ],
  ] as const;
  for (const [messages, field, reason = /is/] of table) {
    const { field: named, message } = refusal(() => inputOf(messages));
    assert.equal(named, field, message);
    assert.match(message, reason);
  }
});

test("ids of calls are long, and come back as the nine letters that every template takes", () => {
  const requestId = "0123456789abcdef0123456789abcdef";
  const id = outerCallId(requestId, 40);
  assert.match(id, /^toolu_[0-9a-z]{24}$/);
  assert.notEqual(id, outerCallId(requestId.replace(/^(.{20})./, "$1f"), 40));
  assert.equal(innerCallId(id), "012345014");
  assert.deepEqual(["toolu_abc", "other", "toolu_"].map(innerCallId), ["abc", "other", "toolu_"]);
});
