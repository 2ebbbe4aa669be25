/** Grows when the gateway is there again after it was away: what a page shows may be old then. */
import { signal } from "@preact/signals";

export const reconnected = signal(0);
