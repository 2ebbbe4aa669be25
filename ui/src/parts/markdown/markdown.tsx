/** Shows Markdown as elements, never as HTML: what a model writes cannot become part of the page. Nothing is loaded from
 * another host: an image there is a link to it. */
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { Code } from "../code";
import { text } from "../../text";
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

/** A line with code, emphasis and links. */
export function Spans({ source }: { source: string }) {
  return <>{inline(source)}</>;
}

function One({ block }: { block: Block }) {
  switch (block.kind) {
    case "code":
      return <Code>{block.text}</Code>;
    case "heading":
      return <p dir="auto" class={`heading h${Math.min(4, block.level)}`} role="heading" aria-level={Math.min(6, block.level + 2)}>{inline(block.text)}</p>;
    case "rule":
      return <hr />;
    case "quote":
      return <blockquote dir="auto">{inline(block.text)}</blockquote>;
    case "list": {
      const items = block.items.map((item, n) => <Item key={n} item={item} />);
      return block.ordered ? <ol dir="auto" start={block.start}>{items}</ol> : <ul dir="auto">{items}</ul>;
    }
    case "table":
      return (
        <div class="markdown-table">
          <table>
            <thead><tr>{block.head.map((cell, n) => <th key={n} scope="col" dir="auto">{inline(cell)}</th>)}</tr></thead>
            <tbody>{block.rows.map((row, n) => <tr key={n}>{row.map((cell, m) => <td key={m} dir="auto">{inline(cell)}</td>)}</tr>)}</tbody>
          </table>
        </div>
      );
    case "text":
      return <p dir="auto">{inline(block.text)}</p>;
  }
}

/** The text of an item stands beside its mark; a box that it begins with is ticked or not. */
function Item({ item }: { item: Block[] }) {
  const [first, ...rest] = item;
  if (first?.kind !== "text") return <li>{item.map((block, n) => <One key={n} block={block} />)}</li>;
  const box = /^\[([ xX])\]\s+/.exec(first.text);
  return (
    <li class={box ? "task" : undefined}>
      {box && <input type="checkbox" disabled checked={box[1] !== " "} aria-label={text.playground.chat.task} />}
      <span>{inline(first.text.slice(box?.[0].length ?? 0))}</span>
      {rest.map((block, n) => <One key={n} block={block} />)}
    </li>
  );
}

/** Groups: code; bold; italic; struck out; alternative text and address of an image; label and target of a link, whose label
 * may be an image; a bare address. */
const SPAN = /(`+)([^`]|[^`][\s\S]*?[^`])\1(?!`)|\*\*([^*\s](?:[^*]*[^*\s])?)\*\*|\*([^*\s](?:[^*]*[^*\s])?)\*|~~([^~]+)~~|!\[([^\]]*)\]\(((?:https?:\/\/|data:image\/(?:png|jpeg|webp|gif);base64,)[^\s)]+)\)|\[(!\[[^\]]*\]\([^)]*\)|[^\]]+)\]\((https?:\/\/[^\s)]+)\)|(https?:\/\/[^\s<>"')\]]*[^\s<>"')\].,;:!?])/g;

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
  const [whole, , code, bold, italic, gone, shows, picture, label, url, bare] = match;
  if (code !== undefined) return <code>{code}</code>;
  if (bold !== undefined) return <strong>{inline(bold)}</strong>;
  if (italic !== undefined) return <em>{inline(italic)}</em>;
  if (gone !== undefined) return <del>{gone}</del>;
  if (picture?.startsWith("data:")) return <img src={picture} alt={shows ?? ""} />;
  const target = picture ?? url ?? bare;
  if (target === undefined) return whole;
  return <a href={target} target="_blank" rel="noreferrer noopener">{shows || label?.replace(/^!\[([^\]]*)\].*$/, "$1") || target}</a>;
}
