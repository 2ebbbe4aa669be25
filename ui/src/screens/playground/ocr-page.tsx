/** One page that was read: the picture with the boxes, and the lines beside it; pointing at one marks the other. */
import { useState } from "preact/hooks";
import type { OcrLine, OcrPage } from "../../api/inference";
import { percent } from "../../format/numbers";
import { Panel } from "../../parts/page";
import { text } from "../../text";

export function OcrPageView({ page, picture, boxes }: { page: OcrPage; picture: string; boxes: boolean }) {
  const words = text.playground.ocr;
  const [at, setAt] = useState<number | null>(null);
  const drawn = page.width !== null && page.height !== null && page.lines.some((line) => line.box);
  return (
    <Panel title={words.page(page.index + 1)} note={page.lines.length ? words.lines(page.lines.length) : undefined}>
      <div class="ocr">
        {(drawn || picture) && (
          <div class="ocr-picture">
            {picture && <img src={picture} alt={words.page(page.index + 1)} />}
            {drawn && (
              <svg viewBox={`0 0 ${page.width} ${page.height}`} class={picture ? "over" : "alone"} role="img" aria-label={words.boxes}>
                {boxes && page.lines.map((line, n) => line.box && (
                  <Box key={n} line={line} current={n === at} written={!picture} onPoint={(inside) => setAt(inside ? n : null)} />
                ))}
              </svg>
            )}
          </div>
        )}
        <ol class="ocr-lines">
          {page.lines.map((line, n) => (
            <li key={n} class={n === at ? "now" : ""} onMouseEnter={() => setAt(n)} onMouseLeave={() => setAt(null)} title={line.score === null ? undefined : words.confidence(percent(line.score, 0))}>
              <span>{line.text}</span>
              {line.score !== null && <small class="numeric">{percent(line.score, 0)}</small>}
            </li>
          ))}
          {page.lines.length === 0 && <li class="plain"><pre>{page.text || words.noText}</pre></li>}
          {page.lines.length > 0 && !drawn && <li class="faint">{words.noBoxes}</li>}
        </ol>
      </div>
    </Panel>
  );
}

function Box({ line, current, written, onPoint }: { line: OcrLine; current: boolean; written: boolean; onPoint: (inside: boolean) => void }) {
  const corners = line.box ?? [];
  const [x, y] = corners[0] ?? [0, 0];
  const [right] = corners[1] ?? [0, 0];
  const [, bottom] = corners[3] ?? [0, 0];
  return (
    <g class={current ? "box now" : "box"} onPointerEnter={() => onPoint(true)} onPointerLeave={() => onPoint(false)}>
      <polygon points={corners.map((corner) => corner.join(",")).join(" ")}>
        <title>{line.text}</title>
      </polygon>
      {written && <text x={x} y={bottom - (bottom - y) * 0.2} font-size={(bottom - y) * 0.8} textLength={Math.max(1, right - x)} lengthAdjust="spacingAndGlyphs">{line.text}</text>}
    </g>
  );
}
