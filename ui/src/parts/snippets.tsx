/** A request as code, in the language that was last chosen. */
import { type Language, type Sample, snippet } from "../format/snippets";
import { kept } from "../state/kept";
import { text } from "../text";
import { Code } from "./code";
import { Segments } from "./tabs";

const language = kept<Language>("language", "curl");

export function Snippets(sample: Sample) {
  const words = text.playground.docs;
  const as = (whole: boolean) => snippet(language.value, window.location.origin, sample, whole);
  const shown = as(false);
  return (
    <div class="stack tight">
      <div>
        <Segments
          label={text.playground.chat.code}
          value={language.value}
          onChange={(value) => { language.value = value; }}
          options={[{ value: "curl", label: words.curl }, { value: "python", label: words.python }, { value: "node", label: words.node }]}
        />
      </div>
      <Code label={text.playground.chat.code} whole={() => as(true)}>{shown}</Code>
      {shown.includes("…") && shown !== as(true) && <p class="faint">{words.shortened}</p>}
    </div>
  );
}
