/** Speech to text, with the text following the player. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { isAbort } from "../../api/errors";
import { post, routeFacts, type RouteFacts, type Transcript } from "../../api/inference";
import { bytes } from "../../format/numbers";
import { Button } from "../../parts/button";
import { TextField } from "../../parts/field";
import { Panel } from "../../parts/page";
import { Empty, ErrorPanel, Loading } from "../../parts/states";
import { apiKey } from "../../state/access";
import { complain } from "../../state/toasts";
import { text } from "../../text";
import { ChosenModel, useChosenModel } from "./chosen-model";
import { FileDrop } from "./file-drop";
import { RecordButton } from "./record-button";
import { TranscriptView } from "./transcript-view";

const MAX_BYTES = 25 * 2 ** 20;

export interface Transcribed {
  transcript: Transcript;
  route: RouteFacts;
  total: number;
}

export function Transcription() {
  const words = text.playground.transcription;
  const [model, setModel] = useChosenModel("transcription");
  const [file, setFile] = useState<File | null>(null);
  const [language, setLanguage] = useState("");
  const [state, setState] = useState<{ busy: boolean; result?: Transcribed; error?: unknown }>({ busy: false });
  const address = useAddress(file);
  const abort = useRef<AbortController>(null);

  const choose = (chosen: File) => {
    if (chosen.size > MAX_BYTES) complain(new Error(words.tooLarge(bytes(chosen.size))));
    else {
      setFile(chosen);
      setState({ busy: false });
    }
  };
  const run = async () => {
    if (!file) return;
    abort.current = new AbortController();
    setState({ busy: true });
    const started = performance.now();
    try {
      const reply = await post("/v1/audio/transcriptions", form(file, model, language), { key: apiKey.value, signal: abort.current.signal });
      const transcript = (await reply.json()) as Transcript;
      setState({ busy: false, result: { transcript, route: routeFacts(reply), total: performance.now() - started } });
    } catch (error) {
      setState(isAbort(error) ? { busy: false } : { busy: false, error });
    }
  };
  return (
    <div class="workbench">
      <form class="panel form" onSubmit={(event) => { event.preventDefault(); void run(); }}>
        <ChosenModel type="transcription" value={model} onChange={setModel} />
        <FileDrop icon="wave" accept="audio/*,video/mp4,video/webm,.flac,.m4a,.mpga" title={words.choose} note={words.drop} file={file} onFile={choose} />
        <TextField label={words.language} optional value={language} placeholder={words.detect} onInput={setLanguage} />
        <div class="row">
          {state.busy
            ? <Button icon="stop" onClick={() => abort.current?.abort()}>{text.playground.chat.stop}</Button>
            : <Button type="submit" kind="primary" icon="text" disabled={!file || !model}>{words.run}</Button>}
          <RecordButton onRecorded={choose} />
        </div>
      </form>
      <div class="stack">
        {state.busy && <Panel><Loading rows={6} /></Panel>}
        {state.error !== undefined && <ErrorPanel error={state.error} retry={() => void run()} />}
        {state.result && file && <TranscriptView result={state.result} audio={address} name={file.name.replace(/\.\w+$/, "")} />}
        {!state.busy && !state.result && state.error === undefined && <Panel><Empty icon="wave" title={words.emptyTitle}>{words.emptyLead}</Empty></Panel>}
      </div>
    </div>
  );
}

/** A blob: address of the file, given back when it changes. */
export function useAddress(file: File | null): string {
  const address = useMemo(() => (file ? URL.createObjectURL(file) : ""), [file]);
  useEffect(() => () => URL.revokeObjectURL(address), [address]);
  return address;
}

function form(file: File, model: string, language: string): FormData {
  const fields = new FormData();
  fields.set("model", model);
  if (language.trim()) fields.set("language", language.trim());
  fields.set("response_format", "verbose_json");
  fields.append("timestamp_granularities[]", "segment");
  fields.append("timestamp_granularities[]", "word");
  fields.set("file", file);
  return fields;
}
