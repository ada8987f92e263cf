import type { Intercept } from "../../src/demo/hub/exchange.ts";

/** A cut, a reset, and a Hub that is too busy now and then. */
export function hubOutage(): Intercept {
  const busy = { answer: { status: 503, headers: { "Retry-After": "2" } } };
  const faults: { readonly after: number; readonly fault: ReturnType<Intercept> }[] = [
    { after: 3, fault: { cutAfterBytes: 400_000 } },
    { after: 5, fault: busy },
    { after: 6, fault: busy },
    { after: 8, fault: { reset: true } },
    { after: 12, fault: busy },
  ];
  let seen = 0;
  return ({ file, origin }) => {
    if (file === null || origin !== "content" || !file.path.endsWith(".safetensors")) {
      return undefined;
    }
    seen += 1;
    const index = faults.findIndex(({ after }) => after === seen);
    return index === -1 ? undefined : faults[index]?.fault;
  };
}
