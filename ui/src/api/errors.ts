/** The OpenAI-shaped errors of the gateway, and the failures of reaching it. */
import { span } from "../format/numbers";
import { text } from "../text";

export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly param: string | null,
    readonly code: string | null,
    readonly requestId: string | null,
    readonly retryAfter: number | null,
    readonly details: unknown = null,
  ) {
    super(message);
  }
}

/** The gateway could not be asked at all. */
export class Unreachable extends Error {}

interface ErrorBody {
  error?: { message?: unknown; param?: string | null; code?: string | null } & Record<string, unknown>;
}

/** What a proxy in between answers may be anything: HTML, or JSON of its own. */
function bodyOf(raw: string): ErrorBody {
  try {
    return (JSON.parse(raw) as ErrorBody | null) ?? {};
  } catch {
    return {};
  }
}

export async function toError(reply: Response): Promise<ApiError> {
  const error = bodyOf(await reply.text().catch(() => "")).error ?? {};
  const retry = Number(reply.headers.get("retry-after"));
  const message = typeof error.message !== "string" ? undefined : error.message.replace(new RegExp(`\\b${retry} s\\b`), span(retry));
  return new ApiError(
    reply.status === 412 ? text.common.outdated : message ?? text.common.failedWith(reply.status),
    reply.status,
    error.param ?? null,
    error.code ?? null,
    reply.headers.get("x-request-id"),
    Number.isFinite(retry) && retry > 0 ? retry : null,
    error,
  );
}

export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  return String(error);
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
