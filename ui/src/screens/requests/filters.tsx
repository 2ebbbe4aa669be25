/** The filters of the requests; all of them live in the address. */
import type { Filter } from "../../api/usage";
import { Icon } from "../../parts/icon";
import { Menu } from "../../parts/menu";
import { Select, TextField } from "../../parts/field";
import { SearchBox } from "../../parts/table/tools";
import { query, setQuery } from "../../state/router";
import { text } from "../../text";
import { askedRange, RANGES } from "../overview/ranges";

export const PAGE_SIZE = 100;

const STATUSES: Record<string, Filter> = {
  ok: { status_from: 200, status_to: 399 },
  failed: { status_from: 400, status_to: 599 },
  client: { status_from: 400, status_to: 499 },
  server: { status_from: 500, status_to: 599 },
};
const EXACT = ["model", "key_id", "user_id", "provider_id", "operation", "error_code"] as const;
const LIMITS = ["min_latency_ms", "min_tokens", "min_cost_usd"] as const;
const LABELS: Record<string, string> = {
  model: text.requests.filters.model, key_id: text.requests.filters.key, user_id: text.requests.filters.user, provider_id: text.requests.filters.provider,
  operation: text.requests.filters.operation, error_code: text.requests.filters.error, min_latency_ms: text.requests.filters.latency, min_tokens: text.requests.filters.tokens, min_cost_usd: text.requests.filters.cost,
};

export function readFilter(): Filter {
  const asked = query.value;
  const seconds = RANGES[askedRange("24h")]?.seconds ?? 86_400;
  const plain = Object.fromEntries([...EXACT, ...LIMITS].map((name) => [name, asked.get(name)]));
  return {
    from: new Date(Date.now() - seconds * 1000).toISOString(),
    q: asked.get("q"),
    ...plain,
    ...(STATUSES[asked.get("status") ?? ""] ?? {}),
  };
}

/** Whether live requests belong on this page too. */
export function isPlain(): boolean {
  const names = [...query.value.keys()].filter((name) => name !== "open" && name !== "range");
  return names.length === 0;
}

export function Filters() {
  const words = text.requests.filters;
  const asked = query.value;
  return (
    <>
      <SearchBox label={text.requests.search} />
      <Select aria-label={words.status} value={asked.get("status") ?? ""} options={Object.entries(words.statuses).map(([value, label]) => ({ value, label }))} onChange={(value) => setQuery({ status: value, offset: null })} />
      <Select aria-label={words.period} value={askedRange("24h")} options={Object.entries(text.overview.ranges).map(([value, label]) => ({ value, label }))} onChange={(value) => setQuery({ range: value, offset: null })} />
      <Menu icon="filter" label={words.more}>
        <div class="form filter-form">
          {[...EXACT, ...LIMITS].map((name) => (
            <TextField key={name} label={LABELS[name] ?? name} type={(LIMITS as readonly string[]).includes(name) ? "number" : "text"} value={asked.get(name) ?? ""} onInput={(value) => setQuery({ [name]: value, offset: null })} />
          ))}
        </div>
      </Menu>
      <span class="chips">
        {[...EXACT, ...LIMITS].filter((name) => asked.get(name)).map((name) => (
          <span key={name} class="chip">
            {LABELS[name]}: {asked.get(name)}
            <button type="button" aria-label={`${text.common.remove} ${LABELS[name]}`} onClick={() => setQuery({ [name]: null, offset: null })}><Icon name="close" size={11} /></button>
          </span>
        ))}
      </span>
    </>
  );
}
