/** Recent requests through another policy or other targets: reckoned, not sent. */
import { useState } from "preact/hooks";
import { readPolicy, readWhatIf } from "../../api/analytics";
import { models as allModels, providers as allProviders } from "../../api/collection";
import { ApiError } from "../../api/errors";
import type { ModelEntry, PolicyWhatIf, WhatIf } from "../../api/types";
import { Button, LinkButton } from "../../parts/button";
import { Field, SelectField } from "../../parts/field";
import { ModelPicker } from "../../parts/model-picker";
import { Panel } from "../../parts/page";
import { Await, Empty } from "../../parts/states";
import { useResource } from "../../state/resource";
import { query, setQuery } from "../../state/router";
import { text } from "../../text";
import { period } from "../overview/ranges";
import { AllModels, OneModel } from "./what-if-found";
import { changedModel, pricesOf, targetsOf, write } from "./what-if-question";
import { TargetsEditor } from "./what-if-targets";

const POLICIES = ["ordered", "weighted", "cheapest", "cheapest-now", "lowest-latency", "highest-throughput", "least-busy", "local-first", "remote-first"];
/** The policies that do not keep priorities. */
const ACROSS = ["weighted", "local-first", "remote-first"];

export function WhatIfView({ range }: { range: string }) {
  const words = text.usage.whatIf;
  const models = useResource("models", allModels.all);
  return (
    <Await of={models}>
      {(found) => found.length === 0
        ? <Panel><Empty icon="models" title={words.noModels} action={<LinkButton to="/models" kind="primary" icon="models">{text.shell.screens.models}</LinkButton>}>{words.noModelsLead}</Empty></Panel>
        : <Asking models={found} range={range} />}
    </Await>
  );
}

type Found = { all: PolicyWhatIf } | { one: WhatIf };

function Asking({ models, range }: { models: ModelEntry[]; range: string }) {
  const words = text.usage.whatIf;
  const address = query.value;
  const entry = models.find((one) => one.id === address.get("model"));
  const policy = address.get("policy") ?? "";
  const written = address.get("targets");
  const question = JSON.stringify([range, entry?.id ?? "", policy, written]);
  const [asked, setAsked] = useState(address.get("go") === "1" ? question : null);
  const targets = entry ? targetsOf(entry, written) : [];
  const found = useResource<Found>(asked, async (signal) => {
    const { from, to } = period(range);
    if (!entry) return { all: await readPolicy({ from, to, policy }, signal) };
    return { one: await readWhatIf({ from, to }, changedModel(entry, policy, targets), pricesOf(targets), signal) };
  });
  const places = useResource("providers", allProviders.all);
  const complete = entry ? targets.length > 0 && targets.every((one) => one.place && (one.place.startsWith("engine:") || one.model)) : policy !== "";
  const go = () => {
    if (asked === question) found.reload();
    setAsked(question);
    setQuery({ go: "1" });
  };
  const options = [...(entry ? [{ value: "", label: `${words.keep} (${entry.policy})` }] : [{ value: "", label: "–" }]), ...POLICIES.map((value) => ({ value, label: value }))];
  return (
    <>
      <Panel title={words.title}>
        <div class="form">
          <p class="muted">{words.lead}</p>
          <div class="asked">
            <Field label={words.model}>{() => <ModelPicker label={words.model} none={words.all} models={models.map(({ id, name }) => ({ id, name }))} value={entry?.id ?? ""} onChange={(model) => setQuery({ model, targets: null, go: null })} />}</Field>
            <SelectField label={words.policy} help={policy === "" ? undefined : ACROSS.includes(policy) ? words.across : words.within} value={policy} options={options} onChange={(value) => setQuery({ policy: value, go: null })} />
          </div>
          {entry && <TargetsEditor entry={entry} targets={targets} providers={places.data ?? []} changed={written !== null} onChange={(next) => setQuery({ targets: next ? write(next) : null, go: null })} />}
          <div class="row"><Button kind="primary" icon="play" busy={asked !== null && found.loading} disabled={!complete} onClick={go}>{words.run}</Button>{entry && targets.length === 0 && <span class="muted">{words.noTargets}</span>}</div>
        </div>
      </Panel>
      <Outcome asked={asked} found={found} />
    </>
  );
}

function Outcome({ asked, found }: { asked: string | null; found: ReturnType<typeof useResource<Found>> }) {
  const words = text.usage.whatIf;
  if (asked === null) return <Panel><Empty icon="compare" title={words.start} /></Panel>;
  if (found.loading) return <Panel><div class="working" role="status"><span>{words.running}</span><span class="bar-run" aria-hidden="true"><i /></span></div></Panel>;
  const nothing = <Panel><Empty icon="compare" title={words.nothing}>{words.nothingLead}</Empty></Panel>;
  if (found.error instanceof ApiError && found.error.param === "from") return nothing;
  return <Await of={found}>{(view) => ("one" in view ? <OneModel view={view.one} /> : view.all.models.length === 0 ? nothing : <AllModels view={view.all} />)}</Await>;
}
