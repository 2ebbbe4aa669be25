/** One question to /v1 at a time: under way, stopped, failed or answered. */
import { useEffect, useRef, useState } from "preact/hooks";
import { isAbort } from "../../api/errors";
import { post, routeFacts, type RouteFacts } from "../../api/inference";
import { apiKey } from "../../state/access";

export interface Answered<T> {
  value: T;
  route: RouteFacts;
  /** Milliseconds from sending to the whole answer. */
  total: number;
}

interface State<T> {
  busy: boolean;
  answer?: Answered<T>;
  error?: unknown;
}

export interface Asking<T> extends State<T> {
  ask: (body: unknown, read: (reply: Response) => Promise<T>) => Promise<void>;
  stop: () => void;
  clear: () => void;
}

export function useAsking<T>(path: string): Asking<T> {
  const [state, setState] = useState<State<T>>({ busy: false });
  const abort = useRef<AbortController>(null);
  const stop = () => abort.current?.abort();
  useEffect(() => stop, []);
  const ask = async (body: unknown, read: (reply: Response) => Promise<T>) => {
    const control = new AbortController();
    abort.current = control;
    setState({ busy: true });
    const started = performance.now();
    try {
      const reply = await post(path, body, { key: apiKey.value, signal: control.signal });
      const value = await read(reply);
      setState({ busy: false, answer: { value, route: routeFacts(reply), total: performance.now() - started } });
    } catch (error) {
      setState(isAbort(error) ? { busy: false } : { busy: false, error });
    }
  };
  const clear = () => {
    stop();
    setState({ busy: false });
  };
  return { ...state, ask, stop, clear };
}
