/** Text to speech: the sound in a player, to keep in the format that came. */
import { useState } from "preact/hooks";
import { wholly } from "../../api/client";
import { bytes } from "../../format/numbers";
import { AreaField, SelectField, TextField } from "../../parts/field";
import { Panel } from "../../parts/page";
import { text } from "../../text";
import { useAddress } from "./address";
import { type Answered, useAsking } from "./asking";
import { useChosenModel } from "./chosen-model";
import { DownloadLink } from "./download-link";
import { Facts } from "./facts";
import { useTyped } from "./typed";
import { Workbench } from "./workbench";

const PATH = "/v1/audio/speech";
const FORMATS = ["mp3", "wav", "opus", "aac", "flac"];
/** OpenAI's names, which most providers understand; the field takes any other. */
const VOICES = ["alloy", "ash", "ballad", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer", "verse"];
const ENDINGS: Record<string, string> = { mpeg: "mp3", "x-wav": "wav", wave: "wav", ogg: "opus" };

export function Speech() {
  const words = text.playground.speech;
  const [model, setModel] = useChosenModel("speech");
  const [input, setInput] = useTyped("speech.input", words.sample);
  const [voice, setVoice] = useTyped("speech.voice");
  const [format, setFormat] = useTyped("speech.format");
  const [speed, setSpeed] = useTyped("speech.speed");
  const asking = useAsking<Blob>(PATH);
  const body = {
    model,
    input: input.trim(),
    ...(voice.trim() ? { voice: voice.trim() } : {}),
    ...(format ? { response_format: format } : {}),
    ...(speed ? { speed: Number(speed) } : {}),
  };
  return (
    <Workbench
      type="speech" icon="sound" words={words} action={words.run} model={model} onModel={setModel} asking={asking}
      ready={body.input !== ""} sample={{ path: PATH, body }} onAsk={() => void asking.ask(body, (reply) => wholly(reply.blob()))}
      fields={
        <>
          <AreaField label={words.input} rows={5} value={input} onInput={setInput} />
          <TextField label={words.voice} optional value={voice} list="voices" placeholder={words.own} help={words.voiceHelp} onInput={setVoice} />
          <datalist id="voices">{VOICES.map((one) => <option key={one} value={one} />)}</datalist>
          <div class="two">
            <SelectField label={words.format} value={format} options={[{ value: "", label: words.own }, ...FORMATS.map((one) => ({ value: one, label: one }))]} onChange={setFormat} />
            <TextField label={words.speed} type="number" min={0.25} max={4} step={0.05} value={speed} placeholder="1" onInput={setSpeed} />
          </div>
        </>
      }
    >
      {(answer) => <Sound answer={answer} />}
    </Workbench>
  );
}

function Sound({ answer }: { answer: Answered<Blob> }) {
  const words = text.playground.speech;
  const { value: sound, route, total } = answer;
  const address = useAddress(sound);
  const [seconds, setSeconds] = useState<number | undefined>(undefined);
  const [mute, setMute] = useState(false);
  const kind = sound.type.split(";")[0]?.replace(/^audio\//, "") ?? "";
  return (
    <Panel title={words.title} note={`${sound.type || words.unknown} · ${bytes(sound.size)}`} actions={<DownloadLink address={address} name={`speech.${ENDINGS[kind] ?? (kind || "bin")}`} />}>
      <audio
        key={address} src={address} controls aria-label={words.player}
        onLoadedMetadata={(event) => { const { duration } = event.currentTarget; if (Number.isFinite(duration)) setSeconds(duration); }}
        onError={() => setMute(true)}
      />
      {mute && <p class="hint warn" role="status">{words.notPlayable}</p>}
      <Facts total={total} usage={null} route={route} seconds={seconds} />
    </Panel>
  );
}
