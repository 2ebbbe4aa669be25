/** Records from the microphone into a file. Whoever leaves while it records lets go of the microphone. */
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../parts/button";
import { complain } from "../../state/toasts";
import { text } from "../../text";

export function RecordButton({ onRecorded }: { onRecorded: (file: File) => void }) {
  const words = text.playground.transcription;
  const [recorder, setRecorder] = useState<MediaRecorder | null>(null);
  const latest = useRef<MediaRecorder | null>(null);
  const here = useRef(true);
  useEffect(() => () => {
    here.current = false;
    if (latest.current) release(latest.current);
  }, []);
  if (!navigator.mediaDevices || !("MediaRecorder" in window)) return null;

  const start = async () => {
    try {
      const made = new MediaRecorder(await navigator.mediaDevices.getUserMedia({ audio: true }));
      if (!here.current) return release(made);
      const pieces: Blob[] = [];
      made.ondataavailable = (event) => pieces.push(event.data);
      made.onstop = () => {
        release(made);
        latest.current = null;
        if (!here.current) return;
        setRecorder(null);
        onRecorded(fileOf(pieces, made.mimeType));
      };
      made.start();
      latest.current = made;
      setRecorder(made);
    } catch {
      complain(new Error(words.noMicrophone));
    }
  };
  return recorder
    ? <Button kind="danger" icon="stop" onClick={() => recorder.stop()}>{words.stopRecording}</Button>
    : <Button icon="wave" onClick={() => void start()}>{words.record}</Button>;
}

function release(recorder: MediaRecorder): void {
  for (const track of recorder.stream.getTracks()) track.stop();
}

/** Browsers record WebM, Ogg or MP4; the name tells the model which. */
function fileOf(pieces: Blob[], recorded: string): File {
  const type = recorded.split(";")[0] || "audio/webm";
  return new File(pieces, `recording.${type.replace(/^\w+\//, "")}`, { type });
}
