/** What a key or a model demands of whoever is asked: two selects for forms, badges for tables. */
import { text } from "../text";
import { Badge } from "./badge";
import { SelectField } from "./field";

interface Rule {
  tee?: string | null | undefined;
  data?: string | null | undefined;
}

interface Props {
  tee: string;
  data: string;
  onChange: (part: { tee?: string; data?: string }) => void;
  errorOf: (field: string) => string | undefined;
}

export function Confidentiality({ tee, data, onChange, errorOf }: Props) {
  const words = text.forms.confidentiality;
  return (
    <div class="two">
      <SelectField label={words.tee} value={tee} error={errorOf("tee")} help={words.teeHelp} options={[{ value: "", label: words.any }, { value: "required", label: words.required }]} onChange={(value) => onChange({ tee: value })} />
      <SelectField label={words.data} value={data} error={errorOf("data")} help={words.dataHelp} options={[{ value: "", label: words.any }, { value: "local-only", label: words.localOnly }]} onChange={(value) => onChange({ data: value })} />
    </div>
  );
}

export function RuleBadges({ of }: { of: Rule }) {
  const words = text.forms.confidentiality;
  return (
    <>
      {of.tee && <Badge tone="accent" title={words.teeHelp}>{words.teeBadge}</Badge>}
      {of.data && <Badge tone="accent" title={words.dataHelp}>{words.dataBadge}</Badge>}
    </>
  );
}
