import { z } from "zod";
import type { AnnieModel } from "./events/stack.ts";
import { parseJson } from "./json.ts";

/**
 * The health contract of her-os: what Annie answers to GET /health, with 200 once she is healthy and 503 before.
 * Whatever else her answer holds is passed over.
 */
export interface HealthReport {
  /** Her own word: `starting`, `healthy`, … */
  readonly status: string;
  readonly checks: {
    readonly gpu?: { readonly available: boolean; readonly device?: string };
    /** By name, as she knows them. */
    readonly models: Readonly<Record<string, AnnieModel>>;
  };
  /** What she can do by now, by the names that the catalog has too. */
  readonly capabilities: Readonly<Record<string, boolean>>;
}

const model = z
  .object({
    status: z.string(),
    source: z.string().optional(),
    progress: z.union([z.string(), z.number().transform(String)]).optional(),
  })
  .transform(({ status, source, progress }): AnnieModel => ({
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

/** Whether a body can only be Annie's, at an address where nobody knows who answers: many a program has a status. */
export function isHealthReport(text: string): boolean {
  return wholeReport.safeParse(parseJson(text)).success;
}
