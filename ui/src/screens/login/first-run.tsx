/** The first visit: account, master key, a provider, a first request. */
import { useState } from "preact/hooks";
import { CopyButton } from "../../parts/code";
import { Button } from "../../parts/button";
import { apiKey } from "../../state/access";
import { navigate } from "../../state/router";
import { text } from "../../text";
import { Account } from "./account";
import { ConnectProvider } from "./connect-provider";
import { FirstRequest } from "./first-request";
import { Gate } from "./gate";

const STEPS = 4;

export function FirstRun() {
  const words = text.login.setup;
  const [step, setStep] = useState(1);
  const [masterKey, setMasterKey] = useState("");
  const title = [words.account.title, words.key.title, words.provider.title, words.first.title][step - 1] ?? words.title;
  const begin = (key: string) => {
    setMasterKey(key);
    apiKey.value = key;
    setStep(2);
  };
  return (
    <Gate title={title} note={words.step(step, STEPS)} wide>
      <ol class="steps" aria-hidden="true">{Array.from({ length: STEPS }, (_, n) => <li key={n} class={n < step ? "done" : ""} />)}</ol>
      {step === 1 && <Account onDone={begin} />}
      {step === 2 && (
        <div class="form">
          <p class="muted">{words.key.lead}</p>
          <div class="secret"><code data-testid="master-key">{masterKey}</code><CopyButton content={masterKey} label={text.common.copy} /></div>
          <div><Button kind="primary" onClick={() => setStep(3)}>{words.key.kept}</Button></div>
        </div>
      )}
      {step === 3 && <ConnectProvider onDone={() => setStep(4)} />}
      {step === 4 && <FirstRequest apiKey={masterKey} onDone={() => navigate("/overview", { replace: true })} />}
    </Gate>
  );
}
