/** People with a login. */
import { useMemo } from "preact/hooks";
import { users } from "../../api/collection";
import type { User } from "../../api/types";
import { Badge } from "../../parts/badge";
import { Button } from "../../parts/button";
import { Switch } from "../../parts/field";
import { Listing } from "../../parts/listing";
import { Opened } from "../../parts/opened";
import { Page } from "../../parts/page";
import { Await, Empty } from "../../parts/states";
import type { Column } from "../../parts/table/column";
import { Time } from "../../parts/time";
import { useLive } from "../../state/live";
import { useMatching } from "../../state/matching";
import { useResource } from "../../state/resource";
import { closeOver, openOver } from "../../state/router";
import { type Toggle, useSwitch } from "../../state/switching";
import { text } from "../../text";
import { Budget, limitsOf } from "../keys/columns";
import { toInput } from "./draft";
import { UserForm } from "./form";

export default function Users() {
  const words = text.users;
  const list = useResource("users", users.all);
  useLive("changed", list.reload);
  return (
    <Page title={words.title} lead={words.lead} fill actions={<Button kind="primary" icon="plus" onClick={() => openOver({ open: "new" })}>{words.add}</Button>}>
      <Await of={list}>
        {(rows) => (
          <>
            <List rows={rows} reload={list.reload} />
            <Opened rows={rows}>{(row) => <UserForm user={row} onClose={() => closeOver("open")} onChange={list.reload} />}</Opened>
          </>
        )}
      </Await>
    </Page>
  );
}

function columnsOf(toggle: Toggle<User>): Column<User>[] {
  const words = text.users;
  return [
    { id: "username", header: words.columns.username, value: (row) => row.username, cell: (row) => <span class="cell-main"><span>{row.username}</span></span> },
    { id: "role", header: words.columns.role, value: (row) => row.role, cell: (row) => <Badge tone={row.role === "admin" ? "accent" : "quiet"}>{words.roles[row.role] ?? row.role}</Badge> },
    { id: "keys", header: words.columns.keys, numeric: true, value: (row) => row.keys ?? 0, cell: (row) => row.keys ?? 0 },
    { id: "limits", header: words.columns.limits, cell: (row) => <span class="muted">{limitsOf(row)}</span> },
    { id: "budget", header: words.columns.budget, width: "190px", value: (row) => row.budget_usd, cell: (row) => <Budget row={row} /> },
    { id: "created", header: words.columns.created, value: (row) => row.created_at, cell: (row) => <Time at={row.created_at} /> },
    { id: "enabled", header: words.columns.enabled, width: "64px", value: (row) => row.enabled ?? true, cell: (row) => <Switch hideLabel label={`${words.form.enabled}: ${row.username}`} checked={row.enabled ?? true} onChange={(on) => toggle(row, on)} /> },
  ];
}

function List({ rows, reload }: { rows: User[]; reload: () => void }) {
  const words = text.users;
  const found = useMatching(rows, (row) => [row.username, row.role]);
  const toggle = useSwitch(users, toInput, (row) => row.username, reload);
  const columns = useMemo(() => columnsOf(toggle), []);
  return <Listing name="users" sort="username" words={words} columns={columns} rows={rows} found={found} empty={<Empty icon="users" title={words.emptyTitle}>{words.emptyLead}</Empty>} />;
}
