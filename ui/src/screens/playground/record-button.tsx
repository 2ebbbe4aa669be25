/** Records from the microphone into a file. */
import { useRef, useState } from "preact/hooks";
import { Button } from "../../parts/button";
import { complain } from "../../state/toasts";
import { text } from "../../text";

export function RecordButton({ onRecorded }: { onRecorded: (file: File) => void }) {
  const words = text.playground.transcription;
  const [recorder, setRecorder] = useState<MediaRecorder | null>(null);
  const pieces = useRef<Blob[]>([]);
  if (!navigator.mediaDevices || !("MediaRecorder" in window)) return null;

  const start = async () => {
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      const made = new MediaRecorder(stream);
      pieces.current = [];
      made.ondataavailable = (event) => pieces.current.push(event.data);
      made.onstop = () => {
        for (const track of stream.getTracks()) track.stop();
        setRecorder(null);
        onRecorded(new File(pieces.current, "recording.webm", { type: "audio/webm" }));
      };
      made.start();
      setRecorder(made);
    } catch {
      complain(new Error(words.noMicrophone));
    }
  };
  return recorder
    ? <Button kind="danger" icon="stop" onClick={() => recorder.stop()}>{words.stopRecording}</Button>
    : <Button icon="wave" onClick={() => void start()}>{words.record}</Button>;
}
