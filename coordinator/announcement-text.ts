import type { NodeSettings } from "@pomona/shared/core/deployment";
import type { NodeId } from "@pomona/shared/core/ids";
import type { EjectionReason } from "./core/conduct.ts";
import type { Announcement } from "./core/effect.ts";

const ejectionTexts: Readonly<Record<EjectionReason, string>> = {
  lost: "it lost what it was answering",
  slow: "its streams are far slower than it can be",
  wrong_frames: "it sent what no engine can mean",
};

/** An announcement for people, in a sentence without its full stop. */
export function announcementText(announcement: Announcement): string {
  switch (announcement.kind) {
    case "memberChanged": {
      const { nodeId, from, to } = announcement;
      return from === null ? `${node(nodeId)} was found and is ${to}` : `${node(nodeId)} was ${from} and is ${to}`;
    }
    case "memberForgotten":
      return `${node(announcement.nodeId)} was forgotten`;
    case "membersFull":
      return `${node(announcement.nodeId)} is ignored, because the pool has ${announcement.membersMax} nodes already`;
    case "oddReport":
      return `${node(announcement.nodeId)} reports what cannot be: ${announcement.what}`;
    case "requestMoved": {
      const { requestId, from, reason } = announcement;
      return `request ${requestId} left ${node(from)} and goes on elsewhere: ${reason}`;
    }
    case "checkpointHeld": {
      const { requestId, nodeId, bytes, transferMs } = announcement;
      const size = `${(bytes / 1e6).toFixed(1)} MB after ${(transferMs / 1000).toFixed(1)} s`;
      return `the state of request ${requestId} is on ${node(nodeId)} as well: ${size}`;
    }
    case "checkpointLost": {
      const { requestId, nodeId, reason } = announcement;
      return `the state of request ${requestId} is not on ${node(nodeId)}: ${reason}`;
    }
    case "requestTakenUp":
      return `request ${announcement.requestId}, which another coordinator began, goes on at ${node(announcement.nodeId)}`;
    case "resumedUnequal": {
      const { requestId, nodeId, from, to } = announcement;
      return `request ${requestId} goes on at ${node(nodeId)} with another engine (${to} after ${from}): its tokens may differ`;
    }
    case "nodeEjected": {
      const { nodeId, reason, forMs } = announcement;
      return `${node(nodeId)} gets no work for ${Math.round(forMs / 1000)} s: ${ejectionTexts[reason]}`;
    }
    case "loadFailed": {
      const { nodeId, model, message } = announcement;
      return `${model} could not be loaded on ${node(nodeId)}: ${message}`;
    }
    case "deploymentChanged":
      return `the deployment of ${announcement.model} is that of ${revisionText(announcement.revision)} now`;
    case "deploymentRemoved":
      return `${announcement.model} is not deployed any more`;
    case "nodeSettingsChanged":
      return `the settings of ${node(announcement.nodeId)} are now: ${settingsText(announcement.settings)}`;
    case "variantChosen":
      return `${announcement.model}: ${announcement.reason}`;
    case "loadStarted":
      return `${announcement.model} is being loaded on ${node(announcement.nodeId)}: ${announcement.reason}`;
    case "replicaReady": {
      const seconds = (announcement.loadMs / 1000).toFixed(1);
      return `${announcement.model} is ready on ${node(announcement.nodeId)} after ${seconds} s`;
    }
    case "replicaRetired":
      return `${announcement.model} leaves ${node(announcement.nodeId)}: ${announcement.reason}`;
    case "pullStarted":
      return `the files of ${announcement.model} are being copied to ${node(announcement.nodeId)}: ${announcement.reason}`;
    case "pullEnded": {
      const { nodeId, model, failure } = announcement;
      const what = failure === null ? "are" : "could not be brought";
      return `the files of ${model} ${what} on ${node(nodeId)}${failure === null ? "" : `: ${failure}`}`;
    }
  }
}

/** The node that an announcement is about; empty for none. */
export function nodeOf(announcement: Announcement): NodeId {
  if ("nodeId" in announcement) return announcement.nodeId;
  return announcement.kind === "requestMoved" ? announcement.from : "";
}

/** 0 is that of a deployment which is not kept yet. */
function revisionText(revision: number): string {
  return revision === 0 ? "the options" : `revision ${revision}`;
}

function settingsText({ isDraining, isCordoned, reservedBytes, labels }: NodeSettings): string {
  const words = [
    isDraining ? "draining" : "",
    isCordoned ? "cordoned" : "",
    reservedBytes > 0 ? `${(reservedBytes / 1e9).toFixed(1)} GB kept free` : "",
    labels.length > 0 ? `labels ${labels.join(" ")}` : "",
  ];
  return words.filter((word) => word !== "").join(", ") || "none";
}

/** The first eight digits tell the nodes of one pool apart; events carry the whole id beside the text. */
function node(nodeId: NodeId): string {
  return `node ${nodeId.slice(0, 8)}`;
}
