import type { ReleaseEvent } from "../../run/events/release.ts";
import { say, type Sentence } from "./sentence.ts";

export function releaseSentence(event: ReleaseEvent): Sentence {
  switch (event.type) {
    case "upgrade.checked": {
      const { current, latest } = event;
      return current === latest
        ? say(`heros ${current} is the newest version.`)
        : say(`Installed: heros ${current}. Available: heros ${latest}.`);
    }
    case "version.read": {
      const { version, platform, commit, folder, channel } = event;
      return say(`heros ${version} (${platform})`, {
        from: "quiet",
        more: [
          ...(commit === null ? [] : [`Commit:    ${commit}`]),
          `Installed: ${folder}`,
          `Channel:   ${channel === "checkout" ? "none, built from a checkout" : channel}`,
        ],
      });
    }
  }
}
