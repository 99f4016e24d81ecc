/**
 * Amounts with a decimal prefix, as people write and read them: 1 MB is 1,000,000 bytes, as disks and links count. And
 * durations.
 *
 * @module
 */

const PREFIXES: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 };

const PATTERN = /^(?<number>\d+(?:\.\d+)?) ?(?<prefix>[kmgt]?)$/i;

/** "800k", "1.5G", "10 T", "4096": a whole number, rounded; undefined for anything else. */
export function parseDecimal(text: string): number | undefined {
  const { number, prefix } = PATTERN.exec(text)?.groups ?? {};
  return number === undefined ? undefined : Math.round(Number(number) * PREFIXES[prefix!.toLowerCase()]!);
}

const BYTE_UNITS = ["kB", "MB", "GB", "TB", "PB"] as const;

/** Bytes with a unit: "999 bytes", "1.5 kB", "104.9 MB". */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${Math.round(bytes)} ${Math.round(bytes) === 1 ? "byte" : "bytes"}`;
  let value = bytes / 1000;
  let unit = 0;
  // 999.95 rounds to 1000.0, which belongs to the next unit.
  while (value >= 999.95 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value.toFixed(1)} ${BYTE_UNITS[unit]}`;
}

/** Two different amounts to be compared by the reader: to the byte, if they would look alike with a unit. */
export function formatDifferentBytes(one: number, other: number): [one: string, other: string] {
  const texts: [string, string] = [formatBytes(one), formatBytes(other)];
  return texts[0] === texts[1] && one !== other ? [`${one} bytes`, `${other} bytes`] : texts;
}

/** A duration: "83 ms", "2.31 s", "30 s", "4 min 7 s", "10 min", "2 h 5 min". */
export function formatDuration(durationMs: number): string {
  if (durationMs < 999.5) return `${Math.round(durationMs)} ms`;
  if (durationMs < 59_995) return `${(durationMs / 1000).toFixed(2).replace(".00", "")} s`;
  const seconds = Math.round(durationMs / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min${seconds % 60 === 0 ? "" : ` ${seconds % 60} s`}`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h${minutes % 60 === 0 ? "" : ` ${minutes % 60} min`}`;
}
