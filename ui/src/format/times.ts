/** Times as people read them: relative on the page, exact on hover. */
import { UNKNOWN } from "./numbers";

export type Moment = string | number | null | undefined;

/** Takes ISO 8601 or epoch seconds. */
export function toDate(moment: Moment): Date | null {
  if (moment == null || moment === "") return null;
  const date = new Date(typeof moment === "number" ? moment * 1000 : moment);
  return Number.isNaN(date.getTime()) ? null : date;
}

const exactForm = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });
const clockForm = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const dateForm = new Intl.DateTimeFormat("en", { month: "short", day: "numeric" });
/** Of days as the gateway counts them: from midnight to midnight in UTC, wherever the reader is. */
const dayForm = new Intl.DateTimeFormat("en", { month: "short", day: "numeric", timeZone: "UTC" });

export function exact(moment: Moment): string {
  const date = toDate(moment);
  return date ? exactForm.format(date) : UNKNOWN;
}

export function clock(moment: Moment): string {
  const date = toDate(moment);
  return date ? clockForm.format(date) : UNKNOWN;
}

/** The clock, and the date before it where that is another day than today. */
export function moment(at: Moment, now = new Date()): string {
  const date = toDate(at);
  if (!date) return UNKNOWN;
  return date.toDateString() === now.toDateString() ? clockForm.format(date) : `${dateForm.format(date)} ${clockForm.format(date)}`;
}

/** The day that begins in UTC at this moment. */
export function day(moment: Moment): string {
  const date = toDate(moment);
  return date ? dayForm.format(date) : UNKNOWN;
}

export function relative(moment: Moment, now = Date.now()): string {
  const date = toDate(moment);
  if (!date) return UNKNOWN;
  const seconds = (now - date.getTime()) / 1000;
  const size = Math.abs(seconds);
  const text = size < 5 ? "now" : size < 60 ? `${Math.round(size)} s` : size < 3600 ? `${Math.round(size / 60)} min`
    : size < 86_400 ? `${Math.round(size / 3600)} h` : size < 86_400 * 60 ? `${Math.round(size / 86_400)} d`
    : size < 86_400 * 730 ? `${Math.round(size / (86_400 * 30.44))} mo`
    : `${Math.round(size / (86_400 * 365.25))} y`;
  if (text === "now") return text;
  return seconds >= 0 ? `${text} ago` : `in ${text}`;
}
