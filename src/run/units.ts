const gibibyte = 1024 ** 3;

/** Bytes as the Hub shows them, in powers of 1000 and three figures: "1.19 GB", "781 MB", "12 B". */
export function formatBytes(bytes: number): string {
  const { unit, size, digits } = unitOf(bytes);
  return `${(Math.max(0, bytes) / size).toFixed(digits)} ${unit}`;
}

/** A part and the whole in the whole's unit and with its digits: "0.87" and "5.09 GB". The part is rounded down: it is never the whole before all is there. */
export function formatBytesOf(part: number, whole: number): [string, string] {
  const { size, digits } = unitOf(whole);
  const step = 10 ** digits;
  const bounded = Math.min(Math.max(0, part), Math.max(0, whole));
  const shown = bounded < whole ? Math.floor((bounded / size) * step) / step : whole / size;
  return [shown.toFixed(digits), formatBytes(whole)];
}

function unitOf(bytes: number) {
  const units = ["B", "kB", "MB", "GB", "TB"] as const;
  let size = 1;
  let index = 0;
  while (bytes / size >= 999.5 && index < units.length - 1) {
    size *= 1000;
    index += 1;
  }
  const value = bytes / size;
  const digits = index === 0 ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return { unit: units[index] ?? "TB", size, digits };
}

/** Memory in GiB, as Linux and the GPU count it: "121.6 GiB". */
export function formatMemory(bytes: number): string {
  const value = bytes / gibibyte;
  if (value < 1 && value > 0) return `${Math.round(value * 1024)} MiB`;
  return `${Number(value.toFixed(1))} GiB`;
}

/** "38.2 MB/s"; "0 B/s" when nothing moves. */
export function formatSpeed(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** A short time to a tenth of a second: "0.4 s". */
export function formatSeconds(ms: number): string {
  return `${Math.max(0.1, ms / 1000).toFixed(1)} s`;
}

/** A length of time as people say it: "4 s", "2 min 10 s", "1 h 05 min". */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
}

/** What is left, rounded so that it does not flicker: to 5 s over a minute, to a minute over ten. */
export function formatEta(seconds: number): string {
  if (seconds < 60) return formatDuration(Math.ceil(seconds));
  if (seconds < 600) return formatDuration(Math.ceil(seconds / 5) * 5);
  const minutes = Math.ceil(seconds / 60);
  return minutes < 60
    ? `${minutes} min`
    : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** A time of day by this machine's clock: "14:05:12". */
export function formatTime(moment: Date): string {
  const parts = [moment.getHours(), moment.getMinutes(), moment.getSeconds()];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

/** A moment by this machine's clock: "2026-11-28 14:05". */
export function formatMoment(moment: Date): string {
  const two = (part: number): string => String(part).padStart(2, "0");
  const day = [moment.getFullYear(), two(moment.getMonth() + 1), two(moment.getDate())].join("-");
  return `${day} ${two(moment.getHours())}:${two(moment.getMinutes())}`;
}

/** A moment in the name of a file, in seconds: `20261127T103821Z`. */
export function formatStamp(moment: Date): string {
  return moment.toISOString().replaceAll(/[-:]|\.\d+/g, "");
}
