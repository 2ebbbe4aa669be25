/** Why a request failed, what to do about it, and which key, model or target it met. */
import type { ComponentChildren } from "preact";
import { apiKeys, users } from "../../api/collection";
import type { ApiKey, RequestDetail, User } from "../../api/types";
import type { Root } from "../../api/usage";
import { Icon } from "../../parts/icon";
import { useResource } from "../../state/resource";
import { href } from "../../state/router";
import { text } from "../../text";
import { Budget, limitsOf } from "../keys/columns";

const OF_KEY = ["rate_limit_exceeded", "budget_exceeded", "model_not_allowed", "operation_not_allowed", "address_not_allowed", "confidentiality_unmet"];
const OF_MODEL = ["model_not_found", "model_not_allowed", "invalid_model_type", "context_length_exceeded", "targets_drained", "provider_not_configured", "unsupported_operation", "confidentiality_unmet", "image_upload_not_supported"];
const LIMITS = ["rate_limit_exceeded", "budget_exceeded"];

export function Refusal({ request, root }: { request: RequestDetail; root: Root }) {
  const words = text.refusals;
  if (!failed(request)) return null;
  const [what, next] = toldOf(request);
  const said = answered(request.response_body);
  const last = request.attempts.at(-1);
  const code = request.error_code;
  return (
    <section class="hint warn refusal" aria-label={words.title}>
      <Icon name="warn" />
      <div class="stack tight">
        <h3>{said?.message ?? what}</h3>
        {said && <p>{what}</p>}
        <p>{next}</p>
        <dl class="facts">
          {said?.param && <><dt>{words.field}</dt><dd><code>{said.param}</code></dd></>}
          {OF_MODEL.includes(code) && request.model && <><dt>{words.model}</dt><dd><Led to={`/models?q=${encodeURIComponent(request.model)}`} when={root === "/api/admin"}>{request.model}</Led></dd></>}
          {last && <><dt>{words.target}</dt><dd><Led to={`/providers?open=${encodeURIComponent(last.provider_id)}&tab=health`} when={root === "/api/admin"}>{last.provider_id}/{last.upstream_model}</Led></dd></>}
          {OF_KEY.includes(code) && !last && <OfKey request={request} root={root} limited={LIMITS.includes(code)} />}
        </dl>
        {!said && <small class="faint">{words.unstored}</small>}
      </div>
    </section>
  );
}

function failed(request: RequestDetail): boolean {
  return request.status >= 400 || request.error_code !== "";
}

function toldOf({ status, error_code, attempts }: RequestDetail): readonly [string, string] {
  const words = text.refusals;
  if (status === 499) return words.left;
  if (error_code === "rate_limit_exceeded") return attempts.length > 0 ? words.providersLimit : words.ownLimit;
  return words.codes[error_code] ?? words.unknown;
}

/** The error of an answer that was stored. */
function answered(body: string | null | undefined): { message: string; param: string | null } | null {
  try {
    const { error } = JSON.parse(body ?? "") as { error?: { message?: unknown; param?: unknown } };
    return typeof error?.message === "string" ? { message: error.message, param: typeof error.param === "string" ? error.param : null } : null;
  } catch {
    return null;
  }
}

function Led({ to, when, children }: { to: string; when: boolean; children: ComponentChildren }) {
  return when ? <a class="wrap" href={href(to)}>{children}</a> : <span class="wrap">{children}</span>;
}

function Limits({ of }: { of: ApiKey | User }) {
  const rates = limitsOf(of);
  return <span class="row">{of.budget_usd == null ? rates : <>{rates !== "–" && rates}<Budget row={of} /></>}</span>;
}

/** The key that asked, and with a limit those of the key and of its user, as administrators may read them. */
function OfKey({ request, root, limited }: { request: RequestDetail; root: Root; limited: boolean }) {
  const words = text.refusals;
  const admin = root === "/api/admin";
  const key = useResource(admin && limited ? request.key_id : null, () => apiKeys.one(request.key_id)).data;
  const user = useResource(admin && limited && request.user_id ? request.user_id : null, () => users.one(request.user_id)).data;
  return (
    <>
      <dt>{words.key}</dt>
      <dd><Led to={`/keys?open=${encodeURIComponent(request.key_id)}`} when={admin && request.key_id !== ""}>{request.key_name || "–"}</Led></dd>
      {key && <><dt>{words.limits}</dt><dd><Limits of={key} /></dd></>}
      {user && <><dt>{words.user}</dt><dd><Led to={`/users?open=${encodeURIComponent(user.id)}`} when>{user.username}</Led></dd></>}
      {user && <><dt>{words.limits}</dt><dd><Limits of={user} /></dd></>}
      {limited && admin && <><dt /><dd class="faint">{words.whole}</dd></>}
    </>
  );
}
