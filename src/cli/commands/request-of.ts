import type { Host } from "../../host/host.ts";
import { resolveAnswers } from "../../plan/resolve.ts";
import { anniePlace } from "../../setup/annie-port.ts";
import type { SetupRequest } from "../../setup/request.ts";
import { shippedPath } from "../app-files.ts";
import type { GatheredSettings } from "../gather-settings.ts";

/**
 * What setup is asked to do, by flags, environment and config file.
 * @throws Failure `plan.bad_answer`, `tiers.unknown` (exit 2), before anything is looked at
 */
export async function requestOf(
  host: Host,
  settings: GatheredSettings,
  rest: Pick<SetupRequest, "dryRun" | "ask">,
): Promise<SetupRequest> {
  const { catalog, decided, tokenFile } = settings;
  resolveAnswers({ catalog, remembered: {}, decided, foundTokens: [], tokenFile });
  const { stackDir, port: asked } = settings;
  const { port, portIgnored } = await anniePlace(host, stackDir, asked);
  return {
    ...settings,
    ...rest,
    port,
    ...(portIgnored && asked !== null ? { ignoredPort: asked } : {}),
    assetsDir: shippedPath("assets"),
  };
}
