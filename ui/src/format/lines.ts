/** Lists that people type one a line. */
export function toLines(values: readonly string[] | undefined): string {
  return (values ?? []).join("\n");
}

export function fromLines(typed: string): string[] {
  return typed.split(/[\n]/).map((line) => line.trim()).filter(Boolean);
}

/** `name: value` lines, as of headers. */
export function toPairs(values: Record<string, string> | undefined): string {
  return Object.entries(values ?? {}).map(([name, value]) => `${name}: ${value}`).join("\n");
}

export function fromPairs(typed: string): Record<string, string> {
  return Object.fromEntries(fromLines(typed).map((line) => {
    const [name = "", ...rest] = line.split(":");
    return [name.trim(), rest.join(":").trim()];
  }));
}
