import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { Bus } from "@pomona/shared/nats/bus";
import { waitFor } from "../support/wait-for.ts";

/** A server and its clients, for one run of the suite. */
export type BusWorld = {
  connect(options?: { readonly pendingMax?: number }): Bus;
  /** Kills the server. */
  stopServer(): Promise<void>;
  /** Starts it again at the same place, empty. */
  startServer(): Promise<void>;
  close(): Promise<void>;
};

const text = new TextEncoder();
const subjectPrefix = "pomona.test";

type Received = { readonly subject: string; readonly payload: string };

function record(bus: Bus, subject: string): { readonly received: Received[]; readonly stop: () => void } {
  const received: Received[] = [];
  const decoder = new TextDecoder();
  const stop = bus.subscribe(subject, (from, payload) =>
    received.push({ subject: from, payload: decoder.decode(payload) }),
  );
  return { received, stop };
}

/** Publishes until a message came through: a subscription takes a moment to reach the server. */
async function settle(publisher: Bus, { received }: { received: Received[] }, subject: string): Promise<void> {
  await waitFor(() => {
    publisher.publish(subject, text.encode("settle"));
    return received.length > 0;
  }, 5000);
  let seen = -1;
  await waitFor(async () => {
    const isQuiet = seen === received.length;
    seen = received.length;
    await new Promise((resolve) => setTimeout(resolve, 50));
    return isQuiet;
  }, 5000);
  received.length = 0;
}

async function connected(world: BusWorld, options?: { readonly pendingMax?: number }): Promise<Bus> {
  const bus = world.connect(options);
  await waitFor(() => bus.isConnected, 5000, "the bus connects");
  return bus;
}

/** What every Bus must do, whatever is behind it. */
export function busCompliance(name: string, start: () => Promise<BusWorld>, skip: string | false): void {
  suite(`bus compliance: ${name}`, { skip }, () => {
    let world: BusWorld;
    before(async () => {
      world = await start();
    });
    after(() => world?.close());

    test("messages reach every subscriber of their subject in order, with wildcards", async () => {
      const [publisher, other] = [await connected(world), await connected(world)];
      const exact = record(other, `${subjectPrefix}.a.heartbeat`);
      const wild = record(other, `${subjectPrefix}.*.heartbeat`);
      const rest = record(other, `${subjectPrefix}.>`);
      await settle(publisher, wild, `${subjectPrefix}.a.heartbeat`);
      exact.received.length = 0;
      rest.received.length = 0;
      for (const payload of ["1", "2", "3"]) publisher.publish(`${subjectPrefix}.a.heartbeat`, text.encode(payload));
      publisher.publish(`${subjectPrefix}.a.metrics.x`, text.encode("4"));
      await waitFor(() => rest.received.length === 4, 2000);
      const payloads = (list: Received[]): string[] => list.map(({ payload }) => payload);
      assert.deepEqual(payloads(exact.received), ["1", "2", "3"]);
      assert.deepEqual(payloads(wild.received), ["1", "2", "3"]);
      assert.deepEqual(payloads(rest.received), ["1", "2", "3", "4"]);
      assert.equal(rest.received[3]?.subject, `${subjectPrefix}.a.metrics.x`);
      await Promise.all([publisher.close(), other.close()]);
    });

    test("nothing comes after a subscription was given up", async () => {
      const bus = await connected(world);
      const given = record(bus, `${subjectPrefix}.up`);
      const kept = record(bus, `${subjectPrefix}.up`);
      await settle(bus, kept, `${subjectPrefix}.up`);
      given.received.length = 0;
      given.stop();
      bus.publish(`${subjectPrefix}.up`, text.encode("late"));
      await waitFor(() => kept.received.length === 1, 2000);
      assert.deepEqual(given.received, []);
      await bus.close();
    });

    test("a handler that throws gets the next message", async () => {
      const bus = await connected(world);
      let calls = 0;
      bus.subscribe(`${subjectPrefix}.throws`, () => {
        calls += 1;
        throw new Error("a handler's bug");
      });
      await waitFor(() => {
        bus.publish(`${subjectPrefix}.throws`, text.encode("x"));
        return calls >= 2;
      }, 5000);
      await bus.close();
    });

    test("a slow handler gets the newest messages and loses the oldest", async () => {
      const publisher = await connected(world);
      const slow = await connected(world, { pendingMax: 10 });
      const kept = record(slow, `${subjectPrefix}.flood`);
      await settle(publisher, kept, `${subjectPrefix}.flood`);
      const sent = 5000;
      let isBlocked = false;
      slow.subscribe(`${subjectPrefix}.flood`, () => {
        // Blocks once, while the flood arrives.
        if (isBlocked) return;
        isBlocked = true;
        const until = performance.now() + 100;
        while (performance.now() < until);
      });
      for (let index = 0; index < sent; index += 1)
        publisher.publish(`${subjectPrefix}.flood`, text.encode(String(index)));
      await waitFor(() => kept.received.at(-1)?.payload === String(sent - 1), 10_000);
      assert(kept.received.length < sent, `${kept.received.length} of ${sent} came`);
      const order = kept.received.map(({ payload }) => Number(payload));
      assert.deepEqual(
        order,
        order.toSorted((left, right) => left - right),
      );
      await Promise.all([publisher.close(), slow.close()]);
    });

    test("an outage drops messages silently, is told, and ends by itself with the same subscriptions", async () => {
      const bus = await connected(world);
      const told: boolean[] = [];
      const stop = bus.onStatus((isConnected) => told.push(isConnected));
      const seen = record(bus, `${subjectPrefix}.outage`);
      await settle(bus, seen, `${subjectPrefix}.outage`);
      await world.stopServer();
      await waitFor(() => !bus.isConnected, 5000);
      for (let index = 0; index < 100; index += 1) bus.publish(`${subjectPrefix}.outage`, text.encode("lost"));
      await world.startServer();
      await waitFor(() => bus.isConnected, 5000);
      await waitFor(() => {
        bus.publish(`${subjectPrefix}.outage`, text.encode("after"));
        return seen.received.length > 0;
      }, 5000);
      assert.equal(seen.received[0]?.payload, "after");
      assert.deepEqual(told, [false, true]);
      stop();
      await bus.close();
    });

    test("a bus made while the server is away connects when it comes, with what was subscribed meanwhile", async () => {
      await world.stopServer();
      const bus = world.connect();
      const seen = record(bus, `${subjectPrefix}.early`);
      bus.publish(`${subjectPrefix}.early`, text.encode("lost"));
      assert.equal(bus.isConnected, false);
      await world.startServer();
      await waitFor(() => bus.isConnected, 5000);
      await waitFor(() => {
        bus.publish(`${subjectPrefix}.early`, text.encode("x"));
        return seen.received.length > 0;
      }, 5000);
      await bus.close();
    });

    test("a bus can be closed while the server is away, twice", async () => {
      await world.stopServer();
      const bus = world.connect();
      await bus.close();
      await bus.close();
      assert.equal(bus.isConnected, false);
      bus.publish(`${subjectPrefix}.closed`, text.encode("x"));
      await world.startServer();
    });

    test("what was published before close arrives", async () => {
      const [publisher, other] = [await connected(world), await connected(world)];
      const seen = record(other, `${subjectPrefix}.last`);
      await settle(publisher, seen, `${subjectPrefix}.last`);
      publisher.publish(`${subjectPrefix}.last`, text.encode("bye"));
      await publisher.close();
      await waitFor(() => seen.received.length === 1, 2000);
      await other.close();
    });
  });
}
