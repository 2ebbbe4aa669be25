/** A request as it could be sent again. */
import type { RequestDetail } from "../../api/types";
import { endpointOf, sampleOf } from "../../format/samples";
import type { Sample } from "../../format/snippets";

/** The body that was stored; null where none was, or no JSON. */
export function storedBody(request: RequestDetail): Record<string, unknown> | null {
  try {
    const stored: unknown = JSON.parse(request.request_body ?? "");
    return stored && typeof stored === "object" && !Array.isArray(stored) ? (stored as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** What was stored, else the same model with an example. */
export function sampleOfRequest(request: RequestDetail): Sample {
  const endpoint = endpointOf(request.operation);
  const stored = storedBody(request);
  if (stored) return { path: endpoint.path, body: stored };
  const sample = sampleOf(endpoint, request.model);
  return request.stream ? { ...sample, body: { ...endpoint.body(request.model), stream: true } } : sample;
}

export function replayAddress(request: RequestDetail): string | null {
  const { tab } = endpointOf(request.operation);
  if (!tab) return null;
  const replay = request.request_body ? `&replay=${encodeURIComponent(request.request_id)}` : "";
  return `${tab}?model=${encodeURIComponent(request.model)}${replay}`;
}
