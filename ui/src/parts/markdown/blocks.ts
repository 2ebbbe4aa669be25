/** Cuts Markdown into blocks. What models write, not all of CommonMark; nothing is ever taken for HTML. */

export type Block =
  | { kind: "code"; language: string; text: string }
  | { kind: "heading"; level: number; text: string }
  | { kind: "list"; ordered: boolean; start: number; items: Block[][] }
  | { kind: "quote"; text: string }
  | { kind: "table"; head: string[]; rows: string[][] }
  | { kind: "rule" }
  | { kind: "text"; text: string };

/** Groups: what stands before the text of the item, its number. */
const ITEM = /^(\s*(?:[-*+]|(\d{1,9})[.)])\s+)\S/;

export function blocks(source: string): Block[] {
  const lines = source.replaceAll("\r\n", "\n").split("\n");
  const found: Block[] = [];
  let n = 0;
  while (n < lines.length) {
    const line = lines[n] ?? "";
    if (!line.trim()) {
      n += 1;
      continue;
    }
    const [block, next] = takeBlock(lines, n, line);
    found.push(block);
    n = next;
  }
  return found;
}

function takeBlock(lines: string[], n: number, line: string): [Block, number] {
  const fence = /^\s{0,3}(`{3,}|~{3,})\s*([\w+#.-]*)/.exec(line);
  if (fence) return takeFence(lines, n, fence[1] ?? "```", fence[2] ?? "");
  const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
  if (heading) return [{ kind: "heading", level: heading[1]?.length ?? 1, text: heading[2] ?? "" }, n + 1];
  if (/^\s{0,3}([-*_])(\s*\1){2,}\s*$/.test(line)) return [{ kind: "rule" }, n + 1];
  if (/^\s{0,3}>/.test(line)) return takeQuote(lines, n);
  if (ITEM.test(line)) return takeList(lines, n);
  if (line.includes("|") && /^\s*\|?[\s:|-]*-[\s:|-]*$/.test(lines[n + 1] ?? "") && (lines[n + 1] ?? "").includes("|")) return takeTable(lines, n);
  return takeText(lines, n);
}

function takeFence(lines: string[], n: number, mark: string, language: string): [Block, number] {
  let end = n + 1;
  while (end < lines.length && !(lines[end] ?? "").trim().startsWith(mark)) end += 1;
  return [{ kind: "code", language, text: lines.slice(n + 1, end).join("\n") }, end + 1];
}

function takeQuote(lines: string[], n: number): [Block, number] {
  let end = n;
  while (end < lines.length && /^\s{0,3}>/.test(lines[end] ?? "")) end += 1;
  return [{ kind: "quote", text: lines.slice(n, end).map((line) => line.replace(/^\s{0,3}>\s?/, "")).join("\n") }, end];
}

/** Lines that are further in than an item's mark are the item's own: more text, lists, code. */
function takeList(lines: string[], n: number): [Block, number] {
  const first = ITEM.exec(lines[n] ?? "");
  const mark = indentOf(lines[n] ?? "");
  const ordered = first?.[2] !== undefined;
  const items: Block[][] = [];
  let end = n;
  while (end < lines.length) {
    const item = ITEM.exec(lines[end] ?? "");
    if (!item || indentOf(lines[end] ?? "") > mark + 1 || (item[2] !== undefined) !== ordered) break;
    const last = endOfItem(lines, end + 1, indentOf(lines[end] ?? ""));
    const width = item[1]?.length ?? 0;
    items.push(blocks([(lines[end] ?? "").slice(width), ...lines.slice(end + 1, last).map((line) => line.slice(Math.min(width, indentOf(line))))].join("\n")));
    end = last;
    while (end < lines.length && !(lines[end] ?? "").trim() && ITEM.test(nextText(lines, end))) end += 1;
  }
  return [{ kind: "list", ordered, start: Number(first?.[2] ?? 1), items }, end];
}

/** Code goes on to its last fence, however little it is indented. */
function endOfItem(lines: string[], n: number, mark: number): number {
  let end = n;
  let fence = /^\s*(?:[-*+]|\d{1,9}[.)])\s+(`{3,}|~{3,})/.exec(lines[n - 1] ?? "")?.[1] ?? "";
  while (end < lines.length) {
    const line = lines[end] ?? "";
    if (!fence) {
      const text = line.trim() ? line : nextText(lines, end);
      if (!text || indentOf(text) <= mark) break;
      fence = /^\s*(`{3,}|~{3,})/.exec(line)?.[1] ?? "";
    } else if (line.trim().startsWith(fence)) fence = "";
    end += 1;
  }
  return end;
}

function nextText(lines: string[], n: number): string {
  return lines.slice(n).find((line) => line.trim()) ?? "";
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

function takeTable(lines: string[], n: number): [Block, number] {
  const cells = (line: string) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());
  let end = n + 2;
  while (end < lines.length && (lines[end] ?? "").includes("|")) end += 1;
  return [{ kind: "table", head: cells(lines[n] ?? ""), rows: lines.slice(n + 2, end).map(cells) }, end];
}

function takeText(lines: string[], n: number): [Block, number] {
  let end = n + 1;
  while (end < lines.length && (lines[end] ?? "").trim() && !/^\s{0,3}(```|~~~|#{1,6}\s|>)/.test(lines[end] ?? "") && !ITEM.test(lines[end] ?? "")) end += 1;
  return [{ kind: "text", text: lines.slice(n, end).join("\n") }, end];
}
