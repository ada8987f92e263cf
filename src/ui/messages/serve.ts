import type { ServeEvent, ServeListening } from "../../run/events/serve.ts";
import { formatBytes } from "../../run/units.ts";
import { say, type Sentence, tookText } from "./sentence.ts";

export function serveSentence(event: Exclude<ServeEvent, { type: "serve.progress" }>): Sentence {
  switch (event.type) {
    case "serve.listening":
      return listeningSentence(event);
    case "serve.fetched": {
      const { path, repo, bytes, elapsedMs } = event;
      return say(`Downloaded for a client: ${path} of ${repo}, ${formatBytes(bytes)}`, {
        aside: tookText(elapsedMs),
      });
    }
    case "serve.announced":
      return event.name === null
        ? say("No network can be told of this server now. Trying again.", {
            mark: "warning",
            tone: "warning",
          })
        : say(`Other machines of the network can find it as ${event.name}.`);
    case "serve.client":
      return say(`${event.client} downloads ${event.what}`);
    case "serve.sent":
      return say(`${event.client} has what it asked for of ${event.what}`, {
        aside: `${formatBytes(event.sentBytes)} in ${tookText(event.elapsedMs)}`,
      });
  }
}

function listeningSentence(event: ServeListening): Sentence {
  return say(`Serving ${event.folder} at ${event.url}`, {
    from: "quiet",
    mark: "ok",
    tone: "good",
    more: [whoConnects(event), whatIsGiven(event), whatIsMissing(event), ...fingerprint(event)],
  });
}

function whoConnects({ reach, listen }: ServeListening): string {
  return reach === "machine"
    ? "Only programs on this machine can connect. To let others: --listen 0.0.0.0:7171"
    : `Every machine that can reach ${listen} can connect.`;
}

function whatIsGiven({ tokens, reach, fingerprint: tls }: ServeListening): string {
  if (tokens === 0) {
    return "Public models need no token. Gated and private ones are not given to anybody: that needs --token-file.";
  }
  const how = reach === "network" && tls === null ? " on this machine; others need --tls-cert" : "";
  return `Public models need no token. Gated and private ones go to clients with a token of this server${how}.`;
}

function whatIsMissing({ upstream }: ServeListening): string {
  return upstream === null
    ? "What is not here can't be downloaded from it: no Hub is asked."
    : `What is not here is downloaded once from ${upstream}.`;
}

function fingerprint({ fingerprint: hex }: ServeListening): string[] {
  return hex === null ? [] : [`Certificate (SHA-256): ${hex}`];
}
