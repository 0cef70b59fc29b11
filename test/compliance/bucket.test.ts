import { connectBus } from "@pomona/shared/nats/connect-bus";
import { FakeNats } from "@pomona/shared/nats/fake-bus";
import { createSilentLogger } from "@pomona/shared/runtime/logger";
import { natsSkipReason, startTestNatsServer } from "../support/nats-server.ts";
import { type BucketWorld, bucketCompliance } from "./bucket-compliance.ts";

async function startFake(): Promise<BucketWorld> {
  const nats = new FakeNats();
  return {
    connect: () => nats.connect(),
    stopServer: async () => nats.stop(),
    startServer: async () => nats.start(),
    startServerEmpty: async () => nats.startEmpty(),
    close: async () => {},
  };
}

async function startReal(): Promise<BucketWorld> {
  const server = await startTestNatsServer();
  const log = createSilentLogger();
  return {
    connect: () => connectBus({ urls: [server.url], name: "test", log }),
    stopServer: () => server.kill(),
    startServer: () => server.restart(),
    startServerEmpty: () => server.restartEmpty(),
    close: () => server.close(),
  };
}

bucketCompliance("in memory", startFake, false);
bucketCompliance("nats-server", startReal, natsSkipReason);
