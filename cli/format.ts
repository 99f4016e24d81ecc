/**
 * Numbers, durations and rates as people read them. Rates are decimal (1 MB is 1,000,000 bytes), as links count.
 *
 * @module
 */

import { formatBytes } from "../base/units.ts";

/** A number with its noun: "1 file", "3 files". */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

/** Megabytes a second: "45.4 MB/s"; below a tenth, "12.3 kB/s". `elapsedMs` below 1 counts as 1 ms. */
export function formatRate(bytes: number, elapsedMs: number): string {
  const kilobytesPerSecond = bytes / Math.max(elapsedMs, 1);
  return kilobytesPerSecond < 100
    ? `${kilobytesPerSecond.toFixed(1)} kB/s`
    : `${(kilobytesPerSecond / 1000).toFixed(1)} MB/s`;
}

/** The rate of a link: "79.5 Mbit/s", "640 kbit/s". `elapsedMs` below 1 counts as 1 ms. */
export function formatBitRate(bytes: number, elapsedMs: number): string {
  const kilobitsPerSecond = bytes * 8 / Math.max(elapsedMs, 1);
  if (kilobitsPerSecond < 1000) return `${Math.round(kilobitsPerSecond)} kbit/s`;
  if (kilobitsPerSecond < 999_950) return `${(kilobitsPerSecond / 1000).toFixed(1)} Mbit/s`;
  return `${(kilobitsPerSecond / 1e6).toFixed(2)} Gbit/s`;
}

/** A file's size to the byte, and with a unit if it is large: "999 bytes", "1500 bytes (1.5 kB)". */
export function formatSize(bytes: number): string {
  return bytes < 1000 ? formatBytes(bytes) : `${bytes} bytes (${formatBytes(bytes)})`;
}

/** A duration as a clock shows it: "0:07", "12:05", "1:02:05". */
export function formatClock(durationMs: number): string {
  const seconds = Math.round(durationMs / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes}:${twoDigits(seconds % 60)}`
    : `${Math.floor(minutes / 60)}:${twoDigits(minutes % 60)}:${twoDigits(seconds % 60)}`;
}

/** A share in per cent: "1.2 %"; a share above 0 never shows as 0. */
export function formatShare(part: number, whole: number): string {
  if (part <= 0 || whole <= 0) return "0.0 %";
  const percent = (part / whole) * 100;
  return percent < 0.1 ? "less than 0.1 %" : `${percent.toFixed(1)} %`;
}

/**
 * A point in time, microseconds since 1970, as ISO 8601 in UTC, to the second; "-" if it is not known or outside the range
 * of dates.
 */
export function formatTime(timeUs: number | undefined): string {
  return (timeUs === undefined ? undefined : isoTime(timeUs))?.replace(/\.\d{3}Z$/, "Z") ?? "-";
}

/** The same, to the millisecond; undefined outside the range of dates. */
export function isoTime(timeUs: number): string | undefined {
  const date = new Date(Math.floor(timeUs / 1000));
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
