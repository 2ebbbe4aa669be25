/** Shows Markdown as elements, never as HTML: what a model writes cannot become part of the page. */
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { Code } from "../code";
import { type Block, blocks } from "./blocks";

export function Markdown({ source }: { source: string }) {
  const found = useMemo(() => blocks(source), [source]);
  return (
    <div class="markdown">
      {found.map((block, n) => (
        <One key={n} block={block} />
      ))}
    </div>
  );
}

function One({ block }: { block: Block }) {
  switch (block.kind) {
    case "code":
      return <Code>{block.text}</Code>;
    case "heading":
      return <p class={`heading h${Math.min(4, block.level)}`} role="heading" aria-level={Math.min(6, block.level + 2)}>{inline(block.text)}</p>;
    case "rule":
      return <hr />;
    case "quote":
      return <blockquote>{inline(block.text)}</blockquote>;
    case "list": {
      const items = block.items.map((item, n) => <li key={n}>{inline(item)}</li>);
      return block.ordered ? <ol start={block.start}>{items}</ol> : <ul>{items}</ul>;
    }
    case "table":
      return (
        <div class="markdown-table">
          <table>
            <thead><tr>{block.head.map((cell, n) => <th key={n} scope="col">{inline(cell)}</th>)}</tr></thead>
            <tbody>{block.rows.map((row, n) => <tr key={n}>{row.map((cell, m) => <td key={m}>{inline(cell)}</td>)}</tr>)}</tbody>
          </table>
        </div>
      );
    case "text":
      return <p>{inline(block.text)}</p>;
  }
}

const SPAN = /(`+)([^`]|[^`][\s\S]*?[^`])\1(?!`)|\*\*([^*\s](?:[^*]*[^*\s])?)\*\*|\*([^*\s](?:[^*]*[^*\s])?)\*|~~([^~]+)~~|\[([^\]]+)\]\((https?:\/\/[^\s)]+)\)|(https?:\/\/[^\s<>"')\]]*[^\s<>"')\].,;:!?])/g;

function inline(source: string): ComponentChildren[] {
  const parts: ComponentChildren[] = [];
  let end = 0;
  for (const match of source.matchAll(SPAN)) {
    if (match.index > end) parts.push(source.slice(end, match.index));
    parts.push(span(match));
    end = match.index + match[0].length;
  }
  if (end < source.length) parts.push(source.slice(end));
  return parts;
}

function span(match: RegExpMatchArray): ComponentChildren {
  const [whole, , code, bold, italic, gone, label, url, bare] = match;
  if (code !== undefined) return <code>{code}</code>;
  if (bold !== undefined) return <strong>{inline(bold)}</strong>;
  if (italic !== undefined) return <em>{inline(italic)}</em>;
  if (gone !== undefined) return <del>{gone}</del>;
  const target = url ?? bare;
  if (target === undefined) return whole;
  return <a href={target} target="_blank" rel="noreferrer noopener">{label ?? bare}</a>;
}
