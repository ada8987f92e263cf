/** What continues an unfinished setup after a reboot: a service of the user's own systemd. */
export const resumeUnitName = "heros-resume.service";

/** By this line heros knows a unit of its own. */
const mark = "# Written by heros setup";

export interface ResumeUnit {
  /** The program, by its absolute path, and its arguments. */
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * The text of the unit: systemd.unit(5), systemd.service(5). Docker or the network may take longer to start than the user's
 * services do: heros waits for them, and is tried again a minute after it failed, ten times a day. Not where another try
 * won't help: wrong settings (2), a wrong checksum (6), a full disk (7), a program that is gone (127, 203). Who stops it (130) meant it.
 */
export function resumeUnitText({ command, environment }: ResumeUnit): string {
  return `${mark}: continues it after a reboot. heros removes this file
# once the stack is online; "heros uninstall" removes it, too.
[Unit]
Description=Continue the unfinished heros setup
StartLimitIntervalSec=1d
StartLimitBurst=10

[Service]
Type=exec
${Object.entries(environment)
  .map(([name, value]) => `Environment=${unitWord(`${name}=${value}`)}\n`)
  .join("")}ExecStart=:${startable(command).map(unitWord).join(" ")}
KillMode=mixed
SuccessExitStatus=130
Restart=on-failure
RestartSec=60
RestartPreventExitStatus=2 6 7 127 203

[Install]
WantedBy=default.target
`;
}

/** systemd takes no program with a quote or a backslash in its path; a shell does. */
function startable(command: ResumeUnit["command"]): readonly string[] {
  return /["'\\\p{Cc}]/u.test(command[0])
    ? ["/bin/sh", "-c", 'exec "$0" "$@"', ...command]
    : command;
}

export function isResumeUnit(text: string): boolean {
  return text.startsWith(mark);
}

/**
 * A word as systemd reads it back: bare where no sign in it means more, else in quotes. A "$" means nothing in `Environment=`,
 * nor in a command after ":"; a "%" always does.
 */
export function unitWord(word: string): string {
  const specifiers = word.replaceAll("%", "%%");
  if (/^[\w./:%@+,=-]+$/.test(word)) return specifiers;
  const escaped = specifiers
    .replaceAll(/["\\]/g, String.raw`\$&`)
    .replaceAll(/\p{Cc}/gu, (sign) =>
      [...new TextEncoder().encode(sign)]
        .map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`)
        .join(""),
    );
  return `"${escaped}"`;
}
