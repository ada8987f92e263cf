import { productLabel, type Dmi } from "./dmi.ts";
import type { Finding } from "./finding.ts";
import { parseDgxRelease, parseFastosRelease } from "./release.ts";

/** What was read on the machine; null where there is no such thing. */
export interface ProductEvidence {
  /** All of /etc/dgx-release. */
  readonly dgxRelease: string | null;
  /** All of /etc/fastos-release. */
  readonly fastosRelease: string | null;
  /** `10de:2e12`. */
  readonly pciIds: readonly string[];
  /** As nvidia-smi names them. */
  readonly gpuNames: readonly string[];
  readonly dmi: Dmi;
}

export interface Product {
  readonly spark: boolean;
  /** "NVIDIA DGX Spark", "ASUS GX10"; null where nothing names it. */
  readonly label: string | null;
  /** Of DGX OS. */
  readonly osVersion: string | null;
}

const gb10 = "10de:2e12";
/** Laptops with a sister chip, which run the same FastOS. */
const n1x = new Set(["10de:2e03", "10de:2e06", "10de:2e2a"]);

/**
 * Tells a machine of the DGX Spark family, whoever built it: by NVIDIA's release files, by the GPU on the bus, by the GPU's
 * name. What the firmware calls the machine only labels it: every maker says something else.
 * "JMJWOA-Generic-GPU" proves nothing, since N1X laptops report it too.
 */
export function recogniseProduct(evidence: ProductEvidence): Product {
  const dgx = evidence.dgxRelease === null ? null : parseDgxRelease(evidence.dgxRelease);
  const fastos =
    evidence.fastosRelease === null ? null : parseFastosRelease(evidence.fastosRelease);
  const laptop = fastos === "n1x" || evidence.pciIds.some((id) => n1x.has(id));
  const spark =
    !laptop &&
    (dgx?.spark === true ||
      fastos === "spark" ||
      evidence.pciIds.includes(gb10) ||
      evidence.gpuNames.some((name) => /\bGB10\b/.test(name)));
  return {
    spark,
    label:
      productLabel(evidence.dmi) ??
      dgx?.prettyName ??
      (spark ? "NVIDIA GB10 machine" : laptop ? "NVIDIA N1X machine" : null),
    osVersion: dgx?.version ?? null,
  };
}

export function judgeProduct({ spark, label, osVersion }: Product): Finding {
  if (spark) {
    return {
      status: "ok",
      found: `${label ?? "DGX Spark"}${osVersion === null ? "" : `, DGX OS ${osVersion}`}`,
    };
  }
  return {
    status: "warning",
    found: label === null ? "not a DGX Spark" : `${label}, not a DGX Spark`,
  };
}
