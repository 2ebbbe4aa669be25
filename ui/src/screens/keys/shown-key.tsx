/** A key that was just made, shown this once. */
import type { ApiKey } from "../../api/types";
import { Button } from "../../parts/button";
import { CopyButton } from "../../parts/code";
import { Dialog } from "../../parts/dialog";
import { Snippets } from "../../parts/snippets";
import { apiKey } from "../../state/access";
import { navigate } from "../../state/router";
import { text } from "../../text";

export function ShownKey({ made, onClose }: { made: ApiKey; onClose: () => void }) {
  const words = text.keys.shown;
  const tryIt = () => {
    apiKey.value = made.key;
    navigate("/playground");
  };
  return (
    <Dialog title={words.title} onClose={onClose} footer={<><Button icon="playground" onClick={tryIt}>{words.tryIt}</Button><Button kind="primary" onClick={onClose}>{words.done}</Button></>}>
      <p>{words.lead}</p>
      <div class="secret"><code data-testid="new-key">{made.key}</code><CopyButton content={made.key} /></div>
      <Snippets path="/v1/chat/completions" body={{ model: "chat", messages: [{ role: "user", content: "Hello!" }] }} />
    </Dialog>
  );
}
