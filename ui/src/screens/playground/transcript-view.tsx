/** A transcript beside its recording: the spoken word is marked, a click on a word plays it. */
import { Fragment } from "preact";
import { useRef, useState } from "preact/hooks";
import type { Segment, Transcript, Word } from "../../api/inference";
import { download } from "../../format/csv";
import { decimal } from "../../format/numbers";
import { Button } from "../../parts/button";
import { CopyButton } from "../../parts/code";
import { Panel } from "../../parts/page";
import { text } from "../../text";
import type { Answered } from "./asking";
import { Facts } from "./facts";
import { clockTime, srt, vtt } from "./subtitles";

export function TranscriptView({ answer, audio, name }: { answer: Answered<Transcript>; audio: string; name: string }) {
  const words = text.playground.transcription;
  const transcript = answer.value;
  const player = useRef<HTMLAudioElement>(null);
  const [at, setAt] = useState(0);
  const segments = transcript.segments ?? [];
  const play = (seconds: number) => {
    if (!player.current) return;
    player.current.currentTime = seconds;
    void player.current.play();
  };
  return (
    <Panel
      title={words.text}
      note={[transcript.language, transcript.duration === undefined ? "" : `${decimal(transcript.duration)} s`].filter(Boolean).join(" · ")}
      actions={
        <>
          <Button kind="ghost" size="small" icon="download" onClick={() => download(`${name}.srt`, srt(segments))}>{words.downloadSrt}</Button>
          <Button kind="ghost" size="small" icon="download" onClick={() => download(`${name}.vtt`, vtt(segments), "text/vtt")}>{words.downloadVtt}</Button>
          <CopyButton kind="ghost" size="small" content={transcript.text} />
        </>
      }
    >
      <audio ref={player} src={audio} controls aria-label={words.player} onTimeUpdate={(event) => setAt(event.currentTarget.currentTime)} />
      <ol class="transcript">
        {segments.map((segment, n) => (
          <li key={n} class={at >= segment.start && at < segment.end ? "now" : ""}>
            <button type="button" class="stamp" onClick={() => play(segment.start)}>{clockTime(segment.start, ".").slice(3, -2)}</button>
            <p>{wordsOf(segment, transcript.words ?? []).map((word, m) => (
              <Fragment key={m}><button type="button" class={at >= word.start && at < word.end ? "word now" : "word"} onClick={() => play(word.start)}>{word.word.trim()}</button>{" "}</Fragment>
            ))}</p>
          </li>
        ))}
      </ol>
      {segments.length === 0 && <p>{transcript.text}</p>}
      <Facts total={answer.total} usage={null} route={answer.route} seconds={transcript.duration} />
    </Panel>
  );
}

/** The words that are spoken within a segment; the segment itself where no word has a time. */
function wordsOf(segment: Segment, all: Word[]): Word[] {
  const found = all.filter((word) => word.start >= segment.start - 0.05 && word.start < segment.end - 0.02);
  return found.length ? found : [{ word: segment.text, start: segment.start, end: segment.end }];
}
