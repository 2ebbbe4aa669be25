/** Subtitle files of a transcript's segments. */
import type { Segment } from "../../api/inference";

export function clockTime(seconds: number, separator: "," | "."): string {
  const ms = Math.round(seconds * 1000);
  const part = (size: number, unit: number, digits: number) => String(Math.floor(ms / size) % unit).padStart(digits, "0");
  return `${part(3_600_000, 1000, 2)}:${part(60_000, 60, 2)}:${part(1000, 60, 2)}${separator}${part(1, 1000, 3)}`;
}

export function srt(segments: Segment[]): string {
  return segments.map((one, n) => `${n + 1}\n${clockTime(one.start, ",")} --> ${clockTime(one.end, ",")}\n${one.text.trim()}\n`).join("\n");
}

export function vtt(segments: Segment[]): string {
  return `WEBVTT\n\n${segments.map((one) => `${clockTime(one.start, ".")} --> ${clockTime(one.end, ".")}\n${one.text.trim()}\n`).join("\n")}`;
}
