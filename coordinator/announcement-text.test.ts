import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultNodeSettings } from "@pomona/shared/core/deployment";
import { announcementText, nodeOf } from "./announcement-text.ts";
import type { Announcement } from "./core/effect.ts";

const nodeId = "a1b2c3d4".repeat(4);
const model = "qwen";
const reason = "the deployment wants 1";

/** One of each kind, and what is said of it. */
const said: { readonly [Kind in Announcement["kind"]]: readonly [Extract<Announcement, { kind: Kind }>, RegExp] } = {
  memberChanged: [{ kind: "memberChanged", nodeId, from: "alive", to: "dead" }, /was alive and is dead$/],
  memberForgotten: [{ kind: "memberForgotten", nodeId }, /was forgotten$/],
  oddReport: [{ kind: "oddReport", nodeId, what: "more free than there is" }, /cannot be: more free than there is$/],
  membersFull: [{ kind: "membersFull", nodeId, membersMax: 256 }, /has 256 nodes already$/],
  requestMoved: [
    { kind: "requestMoved", requestId: "77", model, from: nodeId, reason },
    /^request 77 left node a1b2c3d4/,
  ],
  checkpointHeld: [
    { kind: "checkpointHeld", nodeId, requestId: "q", model, bytes: 46_100_000, transferMs: 420 },
    /^the state of request q is on node a1b2c3d4 as well: 46\.1 MB after 0\.4 s$/,
  ],
  checkpointLost: [
    { kind: "checkpointLost", nodeId, requestId: "q", model, reason: "its time is over" },
    /^the state of request q is not on node a1b2c3d4: its time is over$/,
  ],
  requestTakenUp: [
    { kind: "requestTakenUp", nodeId, requestId: "q", model },
    /^request q, which another .* goes on at/,
  ],
  resumedUnequal: [
    { kind: "resumedUnequal", nodeId, requestId: "q", from: "d/1/cpu/r", to: "d/2/cpu/r" },
    /^request q goes on at node \w+ with another engine \(d\/2\/cpu\/r after d\/1\/cpu\/r\): its tokens may differ$/,
  ],
  nodeEjected: [
    { kind: "nodeEjected", nodeId, reason: "slow", forMs: 4000 },
    /gets no work for 4 s: its streams are far slower than it can be$/,
  ],
  loadFailed: [{ kind: "loadFailed", nodeId, model, code: "x", message: "no GGUF" }, /^qwen .*: no GGUF$/],
  deploymentChanged: [
    { kind: "deploymentChanged", model, revision: 7 },
    /^the deployment of qwen is that of revision 7 now$/,
  ],
  deploymentRemoved: [{ kind: "deploymentRemoved", model }, /^qwen is not deployed any more$/],
  nodeSettingsChanged: [{ kind: "nodeSettingsChanged", nodeId, settings: defaultNodeSettings }, /are now: none$/],
  variantChosen: [{ kind: "variantChosen", model, reason }, /^qwen: the deployment wants 1$/],
  loadStarted: [{ kind: "loadStarted", nodeId, model, reason }, /being loaded on node a1b2c3d4: the deployment/],
  replicaReady: [{ kind: "replicaReady", nodeId, model, loadMs: 1234 }, /ready on node a1b2c3d4 after 1\.2 s$/],
  replicaRetired: [
    { kind: "replicaRetired", nodeId, model, eviction: "idle", reason: "nobody asked" },
    /^qwen leaves node a1b2c3d4: nobody asked$/,
  ],
  pullStarted: [{ kind: "pullStarted", nodeId, model, reason }, /copied to node a1b2c3d4: the deployment/],
  pullEnded: [{ kind: "pullEnded", nodeId, model, failure: "disk full" }, /could not be brought.*: disk full$/],
};

test("every announcement is a sentence with its subject", () => {
  for (const [announcement, text] of Object.values(said)) {
    assert.match(announcementText(announcement), text);
    const isAboutNode = "nodeId" in announcement || announcement.kind === "requestMoved";
    assert.equal(nodeOf(announcement), isAboutNode ? nodeId : "");
  }
  assert.match(
    announcementText({ kind: "memberChanged", nodeId, from: null, to: "suspect" }),
    /was found and is suspect/,
  );
  const settings = { isDraining: true, isCordoned: true, reservedBytes: 4e9, labels: ["fast"] };
  const text = announcementText({ kind: "nodeSettingsChanged", nodeId, settings });
  assert.match(text, /: draining, cordoned, 4\.0 GB kept free, labels fast$/);
  assert.match(announcementText({ kind: "deploymentChanged", model, revision: 0 }), /that of the options now$/);
  assert.equal(
    announcementText({ kind: "pullEnded", nodeId, model, failure: null }),
    "the files of qwen are on node a1b2c3d4",
  );
});
