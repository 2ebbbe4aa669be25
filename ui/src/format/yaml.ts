/** Plain data as YAML, for people to copy into gateway.yaml. What is empty or unset is left out. */

export function toYaml(value: unknown, indent = ""): string {
  if (Array.isArray(value)) return value.map((one) => item(one, indent)).join("");
  if (value && typeof value === "object") return Object.entries(value).filter(([, one]) => !isEmpty(one)).map(([name, one]) => entry(name, one, indent)).join("");
  return `${indent}${scalar(value)}\n`;
}

function entry(name: string, value: unknown, indent: string): string {
  const key = scalar(name);
  if (value && typeof value === "object") return `${indent}${key}:\n${toYaml(value, `${indent}  `)}`;
  return `${indent}${key}: ${scalar(value)}\n`;
}

function item(value: unknown, indent: string): string {
  if (!value || typeof value !== "object") return `${indent}- ${scalar(value)}\n`;
  const body = toYaml(value, `${indent}  `);
  return `${indent}- ${body.slice(indent.length + 2)}`;
}

function isEmpty(value: unknown): boolean {
  if (value == null || value === "") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

/** Whatever could be read as something else is quoted as JSON, which YAML understands. */
function scalar(value: unknown): string {
  if (typeof value !== "string") return String(value);
  return /^[A-Za-z_][\w ./@-]*$/.test(value) && !/^(true|false|null|yes|no|on|off)$/i.test(value) && !value.endsWith(" ") ? value : JSON.stringify(value);
}
