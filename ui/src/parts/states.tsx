/** What a panel shows when it has nothing to show: loading, empty, failed. */
import type { ComponentChildren } from "preact";
import { ApiError, messageOf, Unreachable } from "../api/errors";
import type { Resource } from "../state/resource";
import { text } from "../text";
import { Button } from "./button";
import { Icon, type IconName } from "./icon";
import { reveal } from "./inside";

export function Loading({ rows = 5 }: { rows?: number }) {
  return (
    <div class="skeleton" role="status" aria-label={text.common.loading}>
      {Array.from({ length: rows }, (_, n) => (
        <span key={n} />
      ))}
    </div>
  );
}

interface EmptyProps {
  icon?: IconName;
  title: string;
  children?: ComponentChildren;
  action?: ComponentChildren;
}

export function Empty({ icon, title, children, action }: EmptyProps) {
  return (
    <div class="empty">
      {icon && <Icon name={icon} size={22} />}
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}

export function ErrorPanel({ error, retry }: { error: unknown; retry?: () => void }) {
  const next = error instanceof Unreachable ? text.common.unreachableNext
    : error instanceof ApiError && error.requestId ? text.common.requestId(error.requestId) : null;
  return (
    <div class="failed" role="alert" ref={reveal}>
      <Icon name="warn" size={18} />
      <div>
        <strong>{messageOf(error)}</strong>
        {next && <p>{next}</p>}
      </div>
      {retry && <Button size="small" icon="refresh" onClick={retry}>{text.common.retry}</Button>}
    </div>
  );
}

/** The state of a resource, and its content once there is one. Old data stays while new data comes. */
export function Await<T>(props: {
  of: Resource<T>;
  rows?: number;
  children: (data: T) => ComponentChildren;
}) {
  const { of } = props;
  if (of.data !== undefined) {
    return (
      <>
        {of.error !== undefined && <ErrorPanel error={of.error} retry={of.reload} />}
        {props.children(of.data)}
      </>
    );
  }
  if (of.error !== undefined) return <ErrorPanel error={of.error} retry={of.reload} />;
  return <Loading rows={props.rows ?? 5} />;
}
