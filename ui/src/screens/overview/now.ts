/** How the gateway is now: read once, then told live. */
import { useEffect, useState } from "preact/hooks";
import { ask } from "../../api/client";
import type { OverviewNow } from "../../api/types";
import { status } from "../../state/live";
import { type Resource, useEvery, useResource } from "../../state/resource";

export function useOverview(): Resource<OverviewNow> {
  const read = useResource("overview", (signal) => ask<OverviewNow>("/api/admin/overview", { signal }));
  useEffect(() => {
    if (read.data) status.value = read.data;
  }, [read.data]);
  return read.data ? { ...read, data: { ...read.data, ...status.value } } : read;
}

/** Epoch seconds, told anew so often. */
export function useNow(every = 5000): number {
  const [now, setNow] = useState(() => Date.now() / 1000);
  useEvery(every, () => setNow(Date.now() / 1000));
  return now;
}
