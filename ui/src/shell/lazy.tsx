/** A screen whose code is loaded when it is first shown. */
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ErrorPanel, Loading } from "../parts/states";
import type { Screen } from "./screens";

const loaded = new Map<string, ComponentType>();

export function LazyScreen({ screen }: { screen: Screen }) {
  const [state, setState] = useState<{ name: string; error?: unknown }>({ name: "" });
  const Ready = loaded.get(screen.name);
  useEffect(() => {
    if (loaded.has(screen.name)) return;
    let current = true;
    screen.load().then(
      (module) => {
        loaded.set(screen.name, module.default);
        if (current) setState({ name: screen.name });
      },
      (error: unknown) => current && setState({ name: screen.name, error }),
    );
    return () => {
      current = false;
    };
  }, [screen]);
  if (Ready) return <Ready />;
  return <div class="page">{state.error !== undefined && state.name === screen.name ? <ErrorPanel error={state.error} retry={() => window.location.reload()} /> : <Loading rows={4} />}</div>;
}
