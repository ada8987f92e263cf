import type { Host } from "../../../src/host/host.ts";
import { fakeDocker } from "../../docker/fake-docker.ts";
import { testHost } from "./fixtures.ts";

export interface Said {
  /** What compose makes of the user's files: Annie's service, and what else there is. */
  readonly annie: object | null;
  readonly others?: object;
  /** The same once ours stands after them, where it is not. */
  readonly othersWithOurs?: object;
  readonly secrets?: object;
  /** What it says to ours after them; nothing where it takes them. */
  readonly refusal?: string;
  /** With `--profile "*"`. */
  readonly everything?: object;
}

/** A host whose compose says this of the files; the user's own file is only there. */
export async function hostWith({
  annie,
  others,
  othersWithOurs = others,
  secrets = {},
  refusal = "",
  everything = {},
}: Said): Promise<Host> {
  const config = (core: object | null, more: object = {}) =>
    JSON.stringify({
      services: { ...(core === null ? {} : { "her-os-core": core }), ...more },
      secrets,
    });
  const docker = await fakeDocker(`
case "$*" in
*"--profile * "*) cat <<'EOT'
${config(null, everything)}
EOT
;;
*" -f - "*) cat >"$log.input"; ${refusal === "" ? "" : `echo '${refusal}' >&2; exit 15;`} cat <<'EOT'
${config(annie, othersWithOurs)}
EOT
;;
*" config "*) cat <<'EOT'
${config(annie, others)}
EOT
;;
*) exit 1 ;;
esac`);
  return testHost({ PATH: `${docker.bin}:/usr/bin:/bin` });
}
