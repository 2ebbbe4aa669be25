/** Text in images and PDF files, with the found boxes drawn over them. */
import { useRef, useState } from "preact/hooks";
import { isAbort } from "../../api/errors";
import { type OcrReply, post, routeFacts, type RouteFacts } from "../../api/inference";
import { bytes } from "../../format/numbers";
import { Button } from "../../parts/button";
import { CopyButton } from "../../parts/code";
import { Switch } from "../../parts/field";
import { Panel } from "../../parts/page";
import { Empty, ErrorPanel, Loading } from "../../parts/states";
import { apiKey } from "../../state/access";
import { complain } from "../../state/toasts";
import { text } from "../../text";
import { ChosenModel, useChosenModel } from "./chosen-model";
import { Facts } from "./facts";
import { FileDrop } from "./file-drop";
import { OcrPageView } from "./ocr-page";
import { useAddress } from "./transcription";

const MAX_BYTES = 20 * 2 ** 20;

interface Read {
  reply: OcrReply;
  route: RouteFacts;
  total: number;
}

export function Ocr() {
  const words = text.playground.ocr;
  const [model, setModel] = useChosenModel("ocr");
  const [file, setFile] = useState<File | null>(null);
  const [boxes, setBoxes] = useState(true);
  const [state, setState] = useState<{ busy: boolean; result?: Read; error?: unknown }>({ busy: false });
  const address = useAddress(file);
  const picture = file?.type.startsWith("image/") && file.type !== "image/tiff" ? address : "";
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
    const fields = new FormData();
    fields.set("model", model);
    fields.set("file", file);
    abort.current = new AbortController();
    setState({ busy: true });
    const started = performance.now();
    try {
      const reply = await post("/v1/ocr", fields, { key: apiKey.value, signal: abort.current.signal });
      const body = (await reply.json()) as OcrReply;
      setState({ busy: false, result: { reply: body, route: routeFacts(reply), total: performance.now() - started } });
    } catch (error) {
      setState(isAbort(error) ? { busy: false } : { busy: false, error });
    }
  };
  return (
    <div class="workbench">
      <form class="panel form" onSubmit={(event) => { event.preventDefault(); void run(); }}>
        <ChosenModel type="ocr" value={model} onChange={setModel} />
        <FileDrop icon="image" accept="image/*,application/pdf" title={words.choose} note={words.drop} file={file} onFile={choose} />
        <div class="row spread">
          {state.busy
            ? <Button icon="stop" onClick={() => abort.current?.abort()}>{text.playground.chat.stop}</Button>
            : <Button type="submit" kind="primary" icon="text" disabled={!file || !model}>{words.run}</Button>}
          <Switch label={words.boxes} checked={boxes} onChange={setBoxes} />
        </div>
      </form>
      <div class="stack">
        {picture && !state.result && <Panel><img class="ocr-preview" src={picture} alt={file?.name ?? ""} /></Panel>}
        {state.busy && <Panel><Loading rows={4} /></Panel>}
        {state.error !== undefined && <ErrorPanel error={state.error} retry={() => void run()} />}
        {state.result?.reply.pages.map((page) => <OcrPageView key={page.index} page={page} picture={page.index === 0 ? picture : ""} boxes={boxes} />)}
        {state.result && (
          <div class="row spread">
            <Facts total={state.result.total} usage={null} route={state.result.route} />
            <CopyButton size="small" label={text.common.copy} content={state.result.reply.text} />
          </div>
        )}
        {!file && <Panel><Empty icon="image" title={words.emptyTitle}>{words.emptyLead}</Empty></Panel>}
      </div>
    </div>
  );
}
