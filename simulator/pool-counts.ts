import type { Announcement } from "@pomona/coordinator/core/effect";
import { nothingPlanned, type PlannedFaults } from "./machine.ts";

/** What happened beside the requests, by name. */
export type PoolCounts = {
  /** Of attempts that were lost. */
  moves: number;
  /** Of attempts that left a node or a replica which is emptied. */
  plannedMoves: number;
  refusedByPool: number;
  loads: number;
  deaths: number;
  restarts: number;
  oldIncarnations: number;
  enginesKilled: number;
  /** Of replicas, to make room for another model. */
  evictions: number;
  pulls: number;
  /** Requests that waited for their model and were sent away. */
  sentAway: number;
  /** By another coordinator than the active one before. */
  takeovers: number;
  /** Coordinators that became active while another one still believed to be so. */
  rivals: number;
  /** Clients that went on reading at another coordinator, or another reign of the same one. */
  readOn: number;
  /** Calls of coordinators whose term was over, refused by nodes. */
  fenced: number;
} & PlannedFaults;

export function noCounts(): PoolCounts {
  return {
    moves: 0,
    plannedMoves: 0,
    refusedByPool: 0,
    loads: 0,
    deaths: 0,
    restarts: 0,
    oldIncarnations: 0,
    enginesKilled: 0,
    evictions: 0,
    pulls: 0,
    sentAway: 0,
    takeovers: 0,
    rivals: 0,
    readOn: 0,
    fenced: 0,
    ...nothingPlanned(),
  };
}

/** See `coordinator/core/planned-moves.ts`; nodes that are slow are no plan. */
const plannedReasons: ReadonlySet<string> = new Set(["memory", "moved", "surplus", "drain", "drained"]);

/** What coordinators tell of. */
export function countAnnouncement(counts: PoolCounts, announcement: Announcement): void {
  if (announcement.kind === "requestMoved") {
    if (plannedReasons.has(announcement.reason)) counts.plannedMoves += 1;
    else counts.moves += 1;
  }
  if (announcement.kind === "replicaRetired" && announcement.eviction === "demand") counts.evictions += 1;
  if (announcement.kind === "pullStarted") counts.pulls += 1;
  if (announcement.kind === "memberChanged" && announcement.to === "dead") counts.deaths += 1;
}
