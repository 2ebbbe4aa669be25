/** Pictures from a description. */
import { readJson } from "../../api/client";
import type { Drawn, ImagesReply } from "../../api/inference";
import { AreaField, SelectField, TextField } from "../../parts/field";
import { Panel } from "../../parts/page";
import { text } from "../../text";
import { useAsking } from "./asking";
import { extraFields } from "./chat/conversation";
import { useChosenModel } from "./chosen-model";
import { DownloadLink } from "./download-link";
import { Facts } from "./facts";
import { useTyped } from "./typed";
import { Workbench } from "./workbench";

const PATH = "/v1/images/generations";
const SIZES = ["512x512", "1024x1024", "1024x768", "768x1024", "1536x1024", "1024x1536"];
const MOST = 10;
/** How base64 of each kind begins. */
const KINDS: [string, string][] = [["iVBORw", "png"], ["/9j/", "jpeg"], ["UklGR", "webp"], ["R0lGOD", "gif"]];

export function Images() {
  const words = text.playground.images;
  const [model, setModel] = useChosenModel("image");
  const [prompt, setPrompt] = useTyped("images.prompt", words.sample);
  const [size, setSize] = useTyped("images.size");
  const [n, setN] = useTyped("images.n", "1");
  const [extra, setExtra] = useTyped("images.extra");
  const asking = useAsking<ImagesReply>(PATH);
  const more = extraFields(extra);
  const wrongN = !(Number.isInteger(Number(n)) && Number(n) >= 1 && Number(n) <= MOST);
  const body = { model, prompt: prompt.trim(), ...(size ? { size } : {}), ...(n !== "1" ? { n: Number(n) } : {}), ...more };
  return (
    <Workbench
      type="image" icon="image" words={words} action={words.run} model={model} onModel={setModel} asking={asking}
      ready={prompt.trim() !== "" && more !== null && !wrongN} sample={{ path: PATH, body }}
      onAsk={() => void asking.ask(body, readJson<ImagesReply>)}
      fields={
        <>
          <AreaField label={words.prompt} rows={4} value={prompt} onInput={setPrompt} />
          <div class="two">
            <SelectField label={words.size} value={size} options={[{ value: "", label: words.own }, ...SIZES.map((one) => ({ value: one, label: one.replace("x", " × ") }))]} onChange={setSize} />
            <TextField label={words.n} type="number" min={1} max={MOST} step={1} value={n} onInput={setN} error={wrongN ? words.nWrong(MOST) : undefined} />
          </div>
          <AreaField label={text.playground.chat.extra} mono rows={2} value={extra} placeholder={'{"seed": 7}'} help={text.playground.chat.extraHelp} error={more === null ? text.playground.chat.extraBroken : undefined} onInput={setExtra} />
        </>
      }
    >
      {({ value, route, total }) => (
        <Panel title={words.title} note={words.count(value.data.length)}>
          <ul class="pictures">
            {value.data.map((one, at) => <Picture key={at} drawn={one} number={at + 1} prompt={body.prompt} />)}
          </ul>
          <Facts total={total} usage={null} route={route} />
        </Panel>
      )}
    </Workbench>
  );
}

/** These pages load nothing from another host: a picture that came as an address there is a link. */
function Picture({ drawn, number, prompt }: { drawn: Drawn; number: number; prompt: string }) {
  const words = text.playground.images;
  const kind = KINDS.find(([start]) => drawn.b64_json?.startsWith(start))?.[1] ?? "png";
  const address = drawn.b64_json ? `data:image/${kind};base64,${drawn.b64_json}` : (drawn.url ?? "");
  const name = `picture-${number}.${address.startsWith("data:image/jpeg") ? "jpg" : (/^data:image\/(\w+)/.exec(address)?.[1] ?? "png")}`;
  return (
    <li>
      {address.startsWith("data:image/")
        ? <><img src={address} alt={words.alt(number, drawn.revised_prompt ?? prompt)} /><DownloadLink address={address} name={name} /></>
        : /^https?:/.test(address)
          ? <p class="hint"><span><a href={address} target="_blank" rel="noreferrer">{words.open(number)}</a><small>{words.elsewhere}</small></span></p>
          : <p class="hint warn">{words.nothing}</p>}
    </li>
  );
}
