/** Text in images and PDF files, with the found boxes drawn over them. */
import { useState } from "preact/hooks";
import { readJson } from "../../api/client";
import type { OcrReply } from "../../api/inference";
import { bytes } from "../../format/numbers";
import { CopyButton } from "../../parts/code";
import { Switch } from "../../parts/field";
import { Panel } from "../../parts/page";
import { complain } from "../../state/toasts";
import { text } from "../../text";
import { useAddress } from "./address";
import { useAsking } from "./asking";
import { useChosenModel } from "./chosen-model";
import { Facts } from "./facts";
import { FileDrop } from "./file-drop";
import { formData } from "./form-data";
import { OcrPageView } from "./ocr-page";
import { Workbench } from "./workbench";

const MAX_BYTES = 20 * 2 ** 20;
const PATH = "/v1/ocr";

export function Ocr() {
  const words = text.playground.ocr;
  const [model, setModel] = useChosenModel("ocr");
  const [file, setFile] = useState<File | null>(null);
  const [boxes, setBoxes] = useState(true);
  const asking = useAsking<OcrReply>(PATH);
  const address = useAddress(file);
  const picture = file?.type.startsWith("image/") && file.type !== "image/tiff" ? address : "";
  const body = { model };

  const choose = (chosen: File) => {
    if (chosen.size > MAX_BYTES) complain(new Error(words.tooLarge(bytes(chosen.size))));
    else {
      setFile(chosen);
      asking.clear();
    }
  };
  const run = () => file && asking.ask(formData(body, file), readJson<OcrReply>);
  return (
    <Workbench
      type="ocr" icon="text" words={words} action={words.run} model={model} onModel={setModel} asking={asking}
      ready={file !== null} sample={{ path: PATH, body, file: file?.name ?? "page.png" }} onAsk={() => void run()}
      tools={<Switch label={words.boxes} checked={boxes} onChange={setBoxes} />}
      preview={picture && <Panel><img class="ocr-preview" src={picture} alt={file?.name ?? ""} /></Panel>}
      fields={<FileDrop icon="image" accept="image/*,application/pdf" title={words.choose} note={words.drop} file={file} onFile={choose} />}
    >
      {({ value, route, total }) => (
        <>
          {value.pages.map((page) => <OcrPageView key={page.index} page={page} picture={page.index === 0 ? picture : ""} boxes={boxes} />)}
          <div class="row spread">
            <Facts total={total} usage={null} route={route} />
            <CopyButton size="small" label={text.common.copy} content={value.text} />
          </div>
        </>
      )}
    </Workbench>
  );
}
