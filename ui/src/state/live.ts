/** What the gateway tells by itself: one websocket for the whole app, server-sent events where that does not work. */
import { effect, signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { RequestRow, Status } from "../api/types";
import { reconnected } from "./reconnected";
import { ended, findSession, session } from "./session";

/** What ended since the last message, and what runs; both lists are cut, the counts are not. */
export interface Requests {
  ended: RequestRow[];
  left_out: number;
  running: RequestRow[];
  running_total: number;
}

interface Messages {
  hello: { role: string };
  requests: Requests;
  status: Partial<Status>;
  changed: { revision: number };
  missed: number;
}

type Kind = keyof Messages;
type Listener = (kind: Kind, data: unknown) => void;

/** "lost" after a connection could not be had for a while. */
export const connection = signal<"off" | "on" | "lost">("off");
export const status = signal<Partial<Status>>({});

const listeners = new Set<Listener>();
const LOST_AFTER = 3;
let tries = 0;
let close: (() => void) | null = null;
let timer = 0;

function receive(text: string): void {
  if (tries > 0) reconnected.value += 1;
  tries = 0;
  connection.value = "on";
  const { type, data } = JSON.parse(text) as { type: Kind; data: unknown };
  if (type === "status") status.value = data as Partial<Status>;
  for (const listener of listeners) listener(type, data);
}

function connect(): void {
  // A proxy that passes no websockets passes events: the two take turns.
  close = tries % 2 === 0 ? openSocket() : openEvents();
}

function openSocket(): () => void {
  const socket = new WebSocket(`${window.location.origin.replace(/^http/, "ws")}/api/admin/live`);
  socket.onmessage = (event) => receive(String(event.data));
  socket.onclose = () => again();
  return () => {
    socket.onclose = null;
    socket.close();
  };
}

function openEvents(): () => void {
  const source = new EventSource("/api/admin/events");
  source.onmessage = (event) => receive(String(event.data));
  source.onerror = () => {
    source.close();
    again();
  };
  return () => source.close();
}

function again(): void {
  tries += 1;
  if (tries >= LOST_AFTER) connection.value = "lost";
  const wait = Math.min(10_000, 400 * 2 ** Math.min(tries, 5)) * (0.7 + Math.random() * 0.6);
  timer = window.setTimeout(() => void findSession().then(() => wanted() && connect()), wait);
}

function wanted(): boolean {
  return Boolean(session.value?.role) && !ended.value;
}

effect(() => {
  const on = wanted();
  if (on && close === null) connect();
  if (!on && close !== null) {
    close();
    clearTimeout(timer);
    close = null;
    connection.value = "off";
  }
});

/** Calls `run` for every message of a kind while the component is shown. */
export function useLive<K extends Kind>(kind: K, run: (data: Messages[K]) => void): void {
  const latest = useRef(run);
  latest.current = run;
  useEffect(() => {
    const listener: Listener = (told, data) => told === kind && latest.current(data as Messages[K]);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, [kind]);
}
