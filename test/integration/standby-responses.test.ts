// Responses whose coordinator ends in the middle: through a standby nobody notices, and whoever comes back gets the rest.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CoordinatorTeam, runningRequests } from "../support/coordinator-team.ts";
import { natsSkipReason } from "../support/nats-server.ts";
import { check, type Shown } from "../support/responses-front.ts";
import { waitFor } from "../support/wait-for.ts";

const skip = natsSkipReason;
const timeoutMs = 15_000;
const asked = { model: "tiny", input: "tell", max_output_tokens: 400, temperature: 0 };
let team: CoordinatorTeam;

before(async () => {
  if (skip === false) team = await CoordinatorTeam.start(["a", "b", "c"]);
});

after(() => team?.close());

type Event = {
  readonly type: string;
  readonly sequence_number: number;
  readonly delta?: string;
  readonly response?: Shown;
};

/** A client that keeps what it has got of one response. */
class Reader {
  readonly events: Event[] = [];
  lastId = "";
  doneCount = 0;
  readonly #body: string;

  constructor(body: object) {
    this.#body = JSON.stringify({ ...body, stream: true });
  }

  /** Resolves when the connection has ended, with whether the response has. */
  async read(http: string): Promise<boolean> {
    const headers = { "content-type": "application/json", ...(this.lastId && { "last-event-id": this.lastId }) };
    try {
      const signal = AbortSignal.timeout(2 * timeoutMs);
      const answer = await fetch(`${http}/v1/responses`, { method: "POST", headers, body: this.#body, signal });
      if (answer.status !== 200 || answer.body === null) return false;
      let rest = "";
      for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
        const blocks = (rest + piece).split("\n\n");
        rest = blocks.pop() ?? "";
        for (const block of blocks) this.#take(block);
      }
    } catch {
      // The connection broke: what came before it counts.
    }
    return this.doneCount > 0;
  }

  #take(block: string): void {
    const [, data] = /^data: (.*)$/m.exec(block) ?? [];
    if (data === undefined) return;
    this.lastId = /^id: (.*)$/m.exec(block)?.[1] ?? this.lastId;
    if (data === "[DONE]") this.doneCount += 1;
    else this.events.push(JSON.parse(data));
  }

  /** All of it came once, in order, as one response; returns that. */
  whole(): Shown {
    const { events, doneCount } = this;
    assert.equal(doneCount, 1);
    for (const [index, event] of events.entries()) {
      assert.equal(event.sequence_number, index);
      check("ResponseStreamEvent", event);
    }
    const types = events.map(({ type }) => type.replace("response.", ""));
    const deltas = events.flatMap(({ delta }) => delta ?? []);
    assert.deepEqual(types.slice(0, 4), ["created", "in_progress", "output_item.added", "content_part.added"]);
    assert.deepEqual(types.slice(4, -4), Array(deltas.length).fill("output_text.delta"));
    assert.deepEqual(types.slice(-4), ["output_text.done", "content_part.done", "output_item.done", "incomplete"]);
    assert.equal(new Set(events.flatMap(({ response }) => response?.id ?? [])).size, 1);
    const last = events.at(-1)?.response;
    assert.ok(last !== undefined);
    assert.equal(deltas.join(""), textOf(last));
    return last;
  }
}

function textOf({ output }: Shown): string {
  const [message] = output;
  assert.ok(message !== undefined);
  // The shape is what was checked.
  const [part] = message["content"] as { readonly text: string }[];
  return part?.text ?? "";
}

async function create(http: string, body: object): Promise<Shown> {
  const headers = { "content-type": "application/json" };
  const signal = AbortSignal.timeout(2 * timeoutMs);
  const answer = await fetch(`${http}/v1/responses`, { method: "POST", headers, body: JSON.stringify(body), signal });
  assert.equal(answer.status, 200);
  return (await answer.json()) as Shown;
}

/** Waits until so many run at the active one, ends it, and starts it again when the work is done. */
async function endingActive(how: "kill" | "close", running: number, work: () => Promise<void>): Promise<void> {
  const [active] = await team.one();
  const { http } = team.at(active);
  await waitFor(async () => (await runningRequests(http)) === running, timeoutMs, `${running} run`);
  await team.at(active)[how]();
  await work();
  team.coordinators.delete(active);
  await team.startCoordinator(active);
  await waitFor(() => team.answersAll(), timeoutMs, "all answer");
}

for (const how of ["kill", "close"] as const)
  test(`a response through a standby goes on when the active coordinator ends by ${how}, event by event`, {
    skip,
  }, async () => {
    const [active, ...standbys] = await team.one();
    const text = textOf(await create(team.at(active).http, asked));
    const places = standbys.map((name) => ({ http: team.at(name).http, reader: new Reader(asked) }));
    const streams = places.map(({ http, reader }) => reader.read(http));
    await endingActive(how, streams.length, async () => {
      assert.deepEqual(await Promise.all(streams), [true, true]);
      for (const { http, reader } of places) {
        const whole = reader.whole();
        assert.equal(textOf(whole), text);
        // Whoever went on with it has kept it.
        const kept = await fetch(`${http}/v1/responses/${whole.id}`);
        assert.deepEqual(await kept.json(), whole);
      }
    });
  });

test("a client whose coordinator is killed comes back through a standby for the rest, also of a conversation", {
  skip,
}, async () => {
  const [active, standby] = await team.one();
  const { http } = team.at(active);
  const first = await create(http, { ...asked, max_output_tokens: 4 });
  const body = { ...asked, previous_response_id: first.id };
  const text = textOf(await create(http, body));
  const reader = new Reader(body);
  const cut = reader.read(http);
  await waitFor(() => reader.events.length > 20, timeoutMs, "the first events");
  await endingActive("kill", 1, async () => {
    assert.equal(await cut, false);
    await waitFor(() => reader.read(team.at(standby).http), timeoutMs, "the rest");
    const whole = reader.whole();
    assert.equal(textOf(whole), text);
    assert.equal(whole["previous_response_id"], first.id);
    // What was kept has ended with its coordinator, and what hangs on it is not kept.
    const gone = await fetch(`${team.at(standby).http}/v1/responses/${whole.id}`);
    assert.equal(gone.status, 404);
  });
});
