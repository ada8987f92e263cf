import type { Result } from "./race.ts";

/** One line of what was promised, and whether it is so. */
export interface Target {
  readonly what: string;
  readonly heros: string;
  readonly beside: string;
  readonly measured: string;
  readonly wanted: string;
  readonly holds: boolean;
}

interface Comparison {
  readonly what: string;
  readonly bound: number;
  readonly results: readonly Result[];
}

/** How many times as fast as the quickest of these peers heros is; nothing where none of them ran. */
export function atLeast({
  what,
  bound,
  peers,
  results,
}: Comparison & { peers: readonly string[] }): Target[] {
  const heros = results.find(({ contestant }) => contestant === "heros");
  const [best] = results
    .filter(({ contestant }) => peers.includes(contestant))
    .toSorted((a, b) => a.wallMs - b.wallMs);
  if (heros === undefined || best === undefined) return [];
  const ratio = best.wallMs / heros.wallMs;
  return [
    {
      what,
      heros: seconds(heros.wallMs),
      beside: `${best.contestant}: ${seconds(best.wallMs)}`,
      measured: `${ratio.toFixed(2)} × as fast`,
      wanted: `≥ ${bound}`,
      holds: ratio >= bound,
    },
  ];
}

/** How many times as much of something heros takes as a peer. */
export function atMost({
  what,
  bound,
  peer,
  results,
  by,
}: Comparison & { peer: string; by: "cpuMs" | "wallMs" }): Target[] {
  const [heros, other] = ["heros", peer].map((name) =>
    results.find(({ contestant }) => contestant === name),
  );
  if (heros === undefined || other === undefined) return [];
  const each = by === "cpuMs" ? 1e9 / heros.bytes : 1;
  const ratio = heros[by] / other[by];
  return [
    {
      what,
      heros: seconds(heros[by] * each),
      beside: `${peer}: ${seconds(other[by] * each)}`,
      measured: `${ratio.toFixed(2)} × as much`,
      wanted: `≤ ${bound}`,
      holds: ratio <= bound,
    },
  ];
}

export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(milliseconds < 1000 ? 3 : 2)} s`;
}
