/** One engine. */
import { useState } from "preact/hooks";
import { ask } from "../../api/client";
import type { Engine } from "../../api/types";
import { bytes, count, decimal, percent, span } from "../../format/numbers";
import { Badge, Meter, Status } from "../../parts/badge";
import { Button, LinkButton } from "../../parts/button";
import { Spark } from "../../parts/chart/spark";
import { Confirm } from "../../parts/dialog";
import { complain, say } from "../../state/toasts";
import { text } from "../../text";
import { toneOf } from "../overview/status-line";

interface CardProps {
  engine: Engine;
  /** Tokens a second since the page is open. */
  speeds: (number | null)[];
  onBusy: (busy: boolean) => void;
  onChange: () => void;
  onLog: () => void;
}

const TABS: Record<string, string> = { chat: "", embedding: "/embeddings", whisper: "/transcription", transcription: "/transcription", ocr: "/ocr" };

export function EngineCard({ engine, speeds, onBusy, onChange, onLog }: CardProps) {
  const words = text.engines;
  const [asks, setAsks] = useState(false);
  const [acting, setActing] = useState("");
  const act = async (action: "load" | "unload" | "restart") => {
    setActing(action);
    onBusy(true);
    try {
      await ask(`/api/admin/engines/${encodeURIComponent(engine.name)}/${action}`, { method: "POST" });
      say(`${engine.name} ${words.done[action] ?? ""}.`);
    } catch (error) {
      complain(error);
    }
    setActing("");
    setAsks(false);
    onBusy(false);
    onChange();
  };
  const idle = engine.state === "stopped" || engine.state === "failed";
  const tab = TABS[engine.kind];
  return (
    <section class="panel engine" aria-label={engine.name}>
      <header>
        <h2>{engine.name}</h2>
        {engine.demo && <Badge>{words.demo}</Badge>}
        <div class="actions"><Status tone={toneOf(engine.state)}>{words.states[engine.state] ?? engine.state}</Status></div>
      </header>
      {engine.state === "loading" && (
        <div class="stack tight">
          <span class="row spread muted"><span>{engine.phase}</span>{engine.percent != null && <span class="numeric">{Math.round(engine.percent)} %</span>}</span>
          <Meter value={(engine.percent ?? 0) / 100} label={engine.phase} />
        </div>
      )}
      {engine.error && <p class="bad-text wrap">{engine.error}</p>}
      {engine.state === "ready" && <Load engine={engine} speeds={speeds} />}
      <dl class="facts">
        <dt>{words.model}</dt><dd><code>{engine.model}</code></dd>
        <dt>{words.kind}</dt><dd>{engine.kind}</dd>
        <dt>{words.runtime}</dt><dd>{engine.runtime}</dd>
        {(engine.state === "ready" || engine.state === "loading") && <><dt>{engine.state === "loading" ? words.sofar : words.elapsed}</dt><dd>{span(engine.elapsed)}</dd></>}
        {(engine.restarts ?? 0) > 0 && <><dt>{words.restarts}</dt><dd>{count(engine.restarts)}</dd></>}
      </dl>
      <footer class="row">
        {idle ? <Button size="small" icon="play" busy={acting === "load"} onClick={() => void act("load")}>{words.load}</Button> : <Button size="small" icon="stop" onClick={() => setAsks(true)}>{words.unload}</Button>}
        <Button size="small" icon="refresh" busy={acting === "restart"} onClick={() => void act("restart")}>{words.restart}</Button>
        <Button size="small" icon="requests" onClick={onLog}>{words.log}</Button>
        <span class="grow" />
        {engine.state === "ready" && tab !== undefined && <LinkButton kind="ghost" to={`/playground${tab}?model=${encodeURIComponent(engine.name)}`}>{words.tryIt}</LinkButton>}
      </footer>
      {asks && <Confirm title={words.unloadTitle(engine.name)} action={words.unloadAction} busy={acting !== ""} onConfirm={() => void act("unload")} onClose={() => setAsks(false)}><p>{words.unloadLead}</p></Confirm>}
    </section>
  );
}

/** How busy it is, as it says itself, and what it takes. */
function Load({ engine, speeds }: { engine: Engine; speeds: (number | null)[] }) {
  const words = text.engines.figures;
  const speed = speedOf(engine);
  const full = engine.cache_use;
  return (
    <div class="load">
      <div class="stat wide"><small>{words.speed}</small><strong>{decimal(speed, speed !== null && speed < 10 ? 1 : 0)}</strong><Spark values={speeds} width={120} height={24} /></div>
      <div class="stat"><small>{words.running}</small><strong>{count(engine.running ?? engine.in_flight)}</strong></div>
      <div class="stat"><small>{words.waiting}</small><strong class={(engine.waiting ?? 0) > 0 ? "warn-text" : ""}>{count(engine.waiting)}</strong></div>
      <div class="stat"><small>{words.memory}</small><strong>{bytes(engine.memory_bytes)}</strong></div>
      {engine.gpu_memory_bytes !== null && <div class="stat"><small>{words.gpu}</small><strong>{bytes(engine.gpu_memory_bytes)}</strong></div>}
      {full !== null && <div class="stat wide"><small>{words.cache}</small><strong>{percent(full, 0)}</strong><Meter value={full} label={words.cache} tone={full > 0.9 ? "warn" : "accent"} /></div>}
    </div>
  );
}

/** Tokens written; of engines that only read, those read. */
export function speedOf(engine: Engine): number | null {
  return engine.output_speed === null && engine.input_speed === null ? null : engine.output_speed || engine.input_speed || 0;
}
