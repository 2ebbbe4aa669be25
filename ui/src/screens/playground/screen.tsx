/** The playground: try every kind of model with a key of this gateway. */
import { useState } from "preact/hooks";
import { listModels } from "../../api/inference";
import { Button } from "../../parts/button";
import type { IconName } from "../../parts/icon";
import { KeyForm } from "../../parts/needs-key";
import { Page, Panel } from "../../parts/page";
import { Await } from "../../parts/states";
import { Tabs } from "../../parts/tabs";
import { apiKey, masked } from "../../state/access";
import { useLive } from "../../state/live";
import { useResource } from "../../state/resource";
import { tabOf } from "../../state/router";
import { forgetKey } from "../../state/tab-key";
import { text } from "../../text";
import { Chat } from "./chat/chat";
import { Connection } from "./connection";
import { Docs } from "./docs";
import { Embeddings } from "./embeddings";
import { Images } from "./images";
import { Models } from "./models";
import { Ocr } from "./ocr";
import { Rerank } from "./rerank";
import { Speech } from "./speech";
import { Transcription } from "./transcription";

const TABS: { name: keyof typeof text.playground.tabs; icon: IconName; view: () => preact.JSX.Element }[] = [
  { name: "chat", icon: "playground", view: Chat },
  { name: "embeddings", icon: "grid", view: Embeddings },
  { name: "transcription", icon: "wave", view: Transcription },
  { name: "speech", icon: "sound", view: Speech },
  { name: "images", icon: "image", view: Images },
  { name: "ocr", icon: "text", view: Ocr },
  { name: "rerank", icon: "rank", view: Rerank },
  { name: "docs", icon: "code", view: Docs },
];

export default function Playground() {
  const [testing, setTesting] = useState(false);
  const asked = tabOf(TABS.map((one) => one.name));
  const tab = TABS.find((one) => one.name === asked);
  const key = apiKey.value;
  const models = useResource(key || null, (signal) => listModels(key, signal));
  useLive("changed", () => key && models.reload());
  const words = text.playground;
  const View = tab?.view ?? Chat;
  const fills = key !== "" && models.data !== undefined && tab?.name === "chat";
  return (
    <Page title={words.title} fill={fills} actions={key && <KeyTools onTest={() => setTesting(true)} />}>
      {key ? (
        <>
          <Tabs label={words.title} items={TABS.map((one) => ({ to: one.name === "chat" ? "/playground" : `/playground/${one.name}`, label: words.tabs[one.name], icon: one.icon, current: one === tab }))} />
          <Await of={models}>{(found) => <Models.Provider value={found}><View key={tab?.name} /></Models.Provider>}</Await>
        </>
      ) : (
        <Panel title={words.key.enter}><KeyForm /></Panel>
      )}
      {testing && <Connection onClose={() => setTesting(false)} />}
    </Page>
  );
}

function KeyTools({ onTest }: { onTest: () => void }) {
  const words = text.playground;
  return (
    <>
      <span class="muted">{words.key.current} <code>{masked(apiKey.value)}</code></span>
      <Button icon="bolt" onClick={onTest}>{words.test.action}</Button>
      <Button icon="lock" label={words.key.forget} onClick={() => void forgetKey()} />
    </>
  );
}
