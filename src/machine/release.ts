/** `KEY=value` and `KEY="value"` lines, as in os-release; where a key is repeated the last one counts. */
function parsePairs(text: string): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^\s*([A-Z0-9_]+)\s*=\s*(.*?)\s*$/.exec(line);
    if (match?.[1] === undefined || match[2] === undefined) continue;
    pairs.set(match[1], match[2].replace(/^(["'])(.*)\1$/, "$2"));
  }
  return pairs;
}

/** What /etc/dgx-release says. The serial number in it is left where it is. */
export interface DgxRelease {
  readonly spark: boolean;
  readonly prettyName: string | null;
  /** Of DGX OS: the last update taken, else the image it was installed from. */
  readonly version: string | null;
}

/** @param text all of /etc/dgx-release. Other DGX machines have one too: "DGX Server", "DGX GB300WS". */
export function parseDgxRelease(text: string): DgxRelease {
  const pairs = parsePairs(text);
  const names = [pairs.get("DGX_NAME"), pairs.get("DGX_PRETTY_NAME")];
  return {
    spark: names.some((name) => name !== undefined && /\bdgx[ _-]?spark\b/i.test(name)),
    prettyName: pairs.get("DGX_PRETTY_NAME") ?? pairs.get("DGX_NAME") ?? null,
    version: pairs.get("DGX_OTA_VERSION") ?? pairs.get("DGX_SWBUILD_VERSION") ?? null,
  };
}

/** @param text all of /etc/fastos-release, which DGX Sparks of every maker and N1X laptops have. */
export function parseFastosRelease(text: string): "spark" | "n1x" | null {
  const name = parsePairs(text).get("NAME") ?? "";
  if (/\bn1x\b/i.test(name)) return "n1x";
  return /\bdgx[ _-]?spark\b/i.test(name) ? "spark" : null;
}
