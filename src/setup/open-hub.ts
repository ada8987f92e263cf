import type { Host } from "../host/host.ts";
import { isOffline } from "../hub/environment.ts";
import { connectHub, type Hub } from "../hub/hub.ts";
import type { Secret } from "../progress/secret.ts";
import type { Fetching } from "./request.ts";

/** The Hub of this run, with the token that the answers chose. */
export function openHub(host: Host, fetching: Fetching, token: Secret | null): Hub {
  const { endpoint, mirrors, stateDir } = fetching;
  return connectHub({ host, endpoint, mirrors, token, stateDir, offline: isOffline(host.env) });
}
