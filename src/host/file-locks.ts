import type { ChildProcess } from "node:child_process";

export type LockAnswer = "held" | "busy" | "unavailable";

/** flock(2) on files, as other programs of this machine use and honour it. */
export interface FileLocks {
  /** Takes the lock, or says that another process has it. Makes the file where it is missing; its folder must be there. */
  acquire(path: string): Promise<LockAnswer>;
  /** Gives the lock back; the file stays. */
  release(path: string): void;
  /** Gives every lock back. A killed heros does the same. */
  close(): void;
}

/**
 * A lock file is taken as Python's client takes it, but neither through a link nor under a second name of another file, and
 * only of this user, of root, or of the folder's owner: whoever may write to the folder must not choose what is opened.
 *
 * Node has no flock, so a child holds the locks: it lives as long as its standard input is open, and a kill -9
 * of heros closes that. One child serves any number of locks.
 */
const helper = String.raw`
use Fcntl qw(:flock :mode O_RDWR O_CREAT O_NOFOLLOW);
use File::Basename;
$0 = "heros-locks";
$| = 1;
$SIG{INT} = "IGNORE";
umask 0;
sub trusted {
  my ($file, $folder) = @_;
  my ($mode, $links, $owner) = (stat $file)[2, 3, 4];
  return S_ISREG($mode) && $links == 1 && grep { $owner == $_ } $>, 0, (stat $folder)[4];
}
my %held;
while (my $line = <STDIN>) {
  chomp $line;
  my ($verb, $number, $path) = split / /, $line, 3;
  $path = pack "H*", $path;
  if ($verb eq "release") { delete $held{$path}; next; }
  if (!sysopen(my $file, $path, O_RDWR | O_CREAT | O_NOFOLLOW, 0664)) { print "$number unavailable\n"; }
  elsif (!trusted($file, dirname($path))) { print "$number unavailable\n"; }
  elsif (flock($file, LOCK_EX | LOCK_NB)) { $held{$path} = $file; print "$number held\n"; }
  else { print "$number ", ($!{EWOULDBLOCK} ? "busy" : "unavailable"), "\n"; }
}
`;

type Tools = Awaited<ReturnType<typeof loadTools>>;

/** The real locks, through one perl that starts with the first. Without perl every answer is "unavailable". */
export function realFileLocks(env: Readonly<Record<string, string | undefined>>): FileLocks {
  let child: ChildProcess | null = null;
  let failed = false;
  let count = 0;
  const waiting = new Map<string, (answer: LockAnswer) => void>();

  const giveUp = (): void => {
    failed = true;
    child = null;
    for (const resolve of waiting.values()) resolve("unavailable");
    waiting.clear();
  };

  const start = ({ spawn, createInterface }: Tools): ChildProcess => {
    const started = spawn("perl", ["-e", `use Errno;${helper}`], {
      env: { ...env },
      stdio: ["pipe", "pipe", "ignore"],
    });
    started.once("error", giveUp);
    started.once("exit", () => {
      if (child === started) giveUp();
    });
    started.stdin?.on("error", giveUp);
    // Without a free descriptor there is no child, and no stream of it either.
    if (started.pid !== undefined && started.stdout !== null) {
      createInterface({ input: started.stdout }).on("line", (line) => {
        const [number = "", answer] = line.split(" ");
        waiting.get(number)?.(answer === "held" || answer === "busy" ? answer : "unavailable");
        waiting.delete(number);
        if (waiting.size === 0) hold(started, false);
      });
    }
    return started;
  };

  return {
    async acquire(path) {
      const tools = await loadTools();
      if (failed) return "unavailable";
      child ??= start(tools);
      hold(child, true);
      const number = String((count += 1));
      return new Promise((resolve) => {
        waiting.set(number, resolve);
        child?.stdin?.write(`acquire ${number} ${Buffer.from(path).toString("hex")}\n`);
      });
    },
    release(path) {
      child?.stdin?.write(`release 0 ${Buffer.from(path).toString("hex")}\n`);
    },
    close() {
      const ended = child;
      child = null;
      ended?.stdin?.end();
    },
  };
}

/** Only who locks needs them. */
async function loadTools() {
  const [{ spawn }, { createInterface }] = await Promise.all([
    import("node:child_process"),
    import("node:readline"),
  ]);
  return { spawn, createInterface };
}

/** Keeps the program alive for the child while an answer is due, and only then. */
function hold(child: ChildProcess, due: boolean): void {
  if (child.pid === undefined) return;
  const verb = due ? "ref" : "unref";
  child[verb]();
  for (const stream of [child.stdin, child.stdout]) {
    if (stream !== null && "ref" in stream && "unref" in stream) {
      const handle = stream as { ref(): void; unref(): void };
      handle[verb]();
    }
  }
}
