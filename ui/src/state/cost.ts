/** What a request cost, as the gateway noted it: known to whoever is logged in, a moment after the answer. */
import { useEffect, useState } from "preact/hooks";
import { readRequest } from "../api/usage";
import { useLive } from "./live";
import { session } from "./session";

/** Usage is written in batches. */
const SOON = 1500;

export function useCost(requestId: string | null): number | null {
  const [cost, setCost] = useState<number | null>(null);
  useLive("requests", ({ ended }) => {
    const row = ended.find((one) => one.request_id === requestId);
    if (row) setCost(row.cost_usd);
  });
  useEffect(() => {
    const role = session.peek()?.role;
    if (!requestId || !role) return;
    const timer = setTimeout(() => {
      readRequest(role === "admin" ? "/api/admin" : "/api/user", requestId).then((row) => setCost(row.cost_usd), () => undefined);
    }, SOON);
    return () => clearTimeout(timer);
  }, [requestId]);
  return cost;
}
