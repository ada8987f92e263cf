/** What lanes learn about the way to the server, to size what they ask for. */
export interface Link {
  /** From the request to the first byte of the answer, at best of late; 0 while too little is known. */
  roundTripMs(): number;
  /** A lane's share of all that came of late; 0 while nothing is known. What one lane alone saw says less: its bytes may have waited for it in the kernel. */
  bytesPerSecondPerLane(): number;
  noteAnswer(elapsedMs: number): void;
  /** How many bytes came so far, and over how many lanes just now. */
  noteBytes(receivedBytes: number, lanes: number, nowMs: number): void;
  noteSpeed(bytesPerSecond: number): void;
  /** Of the lanes that ended lately. */
  speeds(): readonly number[];
}

const rememberedAnswers = 64;
const rememberedSpeeds = 16;
/** The first answers come while the program itself is still warming up. */
const fewestAnswers = 8;
const windowMs = 200;

export function createLink(): Link {
  const answers: number[] = [];
  const speeds: number[] = [];
  let window: { bytes: number; sinceMs: number } | null = null;
  let perLane = 0;
  return {
    roundTripMs: () => (answers.length < fewestAnswers ? 0 : Math.min(...answers)),
    bytesPerSecondPerLane: () => perLane,
    noteBytes(bytes, lanes, nowMs) {
      window ??= { bytes, sinceMs: nowMs };
      const elapsedMs = nowMs - window.sinceMs;
      if (elapsedMs < windowMs) return;
      perLane = ((bytes - window.bytes) / elapsedMs) * (1000 / Math.max(1, lanes));
      window = { bytes, sinceMs: nowMs };
    },
    noteAnswer: (elapsedMs) => remember(answers, elapsedMs, rememberedAnswers),
    noteSpeed: (speed) => remember(speeds, speed, rememberedSpeeds),
    speeds: () => speeds,
  };
}

function remember(list: number[], value: number, most: number): void {
  if (list.push(value) > most) list.shift();
}
