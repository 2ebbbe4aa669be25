/** Speech to text, with the text following the player. */
import { useState } from "preact/hooks";
import { readJson } from "../../api/client";
import type { Transcript } from "../../api/inference";
import { bytes } from "../../format/numbers";
import { TextField } from "../../parts/field";
import { Panel } from "../../parts/page";
import { complain } from "../../state/toasts";
import { text } from "../../text";
import { useAddress } from "./address";
import { useAsking } from "./asking";
import { useChosenModel } from "./chosen-model";
import { FileDrop } from "./file-drop";
import { formData } from "./form-data";
import { RecordButton } from "./record-button";
import { TranscriptView } from "./transcript-view";
import { useTyped } from "./typed";
import { Workbench } from "./workbench";

const MAX_BYTES = 25 * 2 ** 20;
const PATH = "/v1/audio/transcriptions";

export function Transcription() {
  const words = text.playground.transcription;
  const [model, setModel] = useChosenModel("transcription");
  const [file, setFile] = useState<File | null>(null);
  const [language, setLanguage] = useTyped("transcription.language");
  const asking = useAsking<Transcript>(PATH);
  const address = useAddress(file);
  const body = {
    model,
    ...(language.trim() ? { language: language.trim() } : {}),
    response_format: "verbose_json",
    timestamp_granularities: ["segment", "word"],
  };

  const choose = (chosen: File) => {
    if (chosen.size > MAX_BYTES) complain(new Error(words.tooLarge(bytes(chosen.size))));
    else {
      setFile(chosen);
      asking.clear();
    }
  };
  const run = () => file && asking.ask(formData(body, file), readJson<Transcript>);
  return (
    <Workbench
      type="transcription" icon="wave" words={words} action={words.run} model={model} onModel={setModel} asking={asking}
      ready={file !== null} sample={{ path: PATH, body, file: file?.name ?? "speech.wav" }} onAsk={() => void run()}
      preview={file && <Panel title={words.player} note={file.name}><audio src={address} controls aria-label={words.player} /></Panel>}
      tools={<RecordButton onRecorded={choose} />}
      fields={
        <>
          <FileDrop icon="wave" accept="audio/*,video/mp4,video/webm,.flac,.m4a,.mpga" title={words.choose} note={words.drop} file={file} onFile={choose} />
          <TextField label={words.language} optional value={language} placeholder={words.detect} onInput={setLanguage} />
        </>
      }
    >
      {(answer) => file && <TranscriptView answer={answer} audio={address} name={file.name.replace(/\.\w+$/, "")} />}
    </Workbench>
  );
}
