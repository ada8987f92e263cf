import { z } from "zod";
import type { StackModel } from "./events/stack.ts";
import { parseJson } from "./json.ts";

/**
 * The health contract of the kind `annie`: what its core answers to GET /health, with 200 once it is healthy and 503 before.
 * Whatever else its answer holds is passed over.
 */
export interface HealthReport {
  /** Its own word: `starting`, `healthy`, … */
  readonly status: string;
  readonly checks: {
    readonly gpu?: { readonly available: boolean; readonly device?: string };
    /** By name, as it knows them. */
    readonly models: Readonly<Record<string, StackModel>>;
  };
  /** What it can do by now, by the names that the catalog has too. */
  readonly capabilities: Readonly<Record<string, boolean>>;
}

const model = z
  .object({
    status: z.string(),
    source: z.string().optional(),
    progress: z.union([z.string(), z.number().transform(String)]).optional(),
  })
  .transform(({ status, source, progress }): StackModel => ({
    status,
    ...(source === undefined ? {} : { source }),
    ...(progress === undefined ? {} : { progress }),
  }));

const report = z.object({
  status: z.string().min(1),
  checks: z.object({ models: z.record(z.string(), model).catch({}) }).catch({ models: {} }),
  capabilities: z.record(z.string(), z.boolean().catch(false)).catch({}),
});

/** The report in an answer's body; null where the body is none. */
export function parseHealthReport(text: string): HealthReport | null {
  return report.safeParse(parseJson(text)).data ?? null;
}

const wholeReport = z.object({
  status: z.string(),
  capabilities: z.record(z.string(), z.boolean()),
});

/** Whether a body can only be the stack's, at an address where nobody knows who answers: many a program has a status. */
export function isHealthReport(text: string): boolean {
  return wholeReport.safeParse(parseJson(text)).success;
}
