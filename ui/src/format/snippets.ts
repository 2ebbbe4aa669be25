/** A request as code to take away: curl, Python, JavaScript. The key stays a variable. */

export type Language = "curl" | "python" | "node";

const MAX_URL = 200;

/** Long data URLs are shortened: nobody wants a megabyte of base64 in a snippet. */
function shortened(value: unknown): unknown {
  if (typeof value === "string" && value.startsWith("data:") && value.length > MAX_URL) return `${value.slice(0, 60)}…`;
  if (Array.isArray(value)) return value.map(shortened);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, shortened(one)]));
  return value;
}

export function snippet(language: Language, origin: string, path: string, body: unknown): string {
  const shown = shortened(body);
  if (language === "curl") return curl(origin, path, shown);
  if (language === "python") return python(origin, path, shown);
  return node(origin, path, shown);
}

function curl(origin: string, path: string, body: unknown): string {
  const json = JSON.stringify(body, null, 2).replaceAll("'", "'\\''");
  return `curl ${origin}${path} \\\n  -H "Authorization: Bearer $GATEWAY_KEY" \\\n  -H "Content-Type: application/json" \\\n  -d '${json}'`;
}

const METHODS: Record<string, string> = {
  "/v1/chat/completions": "chat.completions.create",
  "/v1/completions": "completions.create",
  "/v1/embeddings": "embeddings.create",
};

function python(origin: string, path: string, body: unknown): string {
  const method = METHODS[path];
  const head = method
    ? `import os\n\nfrom openai import OpenAI\n\nclient = OpenAI(base_url="${origin}/v1", api_key=os.environ["GATEWAY_KEY"])\n`
    : `import os\n\nimport httpx\n\n`;
  const literal = pythonLiteral(body, "    ");
  if (!method) return `${head}reply = httpx.post(\n    "${origin}${path}",\n    headers={"Authorization": "Bearer " + os.environ["GATEWAY_KEY"]},\n    json=${literal},\n    timeout=600,\n)\nprint(reply.json())`;
  const fields = Object.entries(body as Record<string, unknown>).map(([name, value]) => `    ${name}=${pythonLiteral(value, "    ")},`);
  const streamed = (body as { stream?: boolean }).stream === true;
  const rest = streamed ? "for chunk in reply:\n    if chunk.choices:\n        print(chunk.choices[0].delta.content or \"\", end=\"\")" : "print(reply)";
  return `${head}reply = client.${method}(\n${fields.join("\n")}\n)\n${rest}`;
}

function pythonLiteral(value: unknown, indent: string): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const deeper = `${indent}    `;
  if (Array.isArray(value)) return value.length ? `[\n${value.map((one) => `${deeper}${pythonLiteral(one, deeper)},`).join("\n")}\n${indent}]` : "[]";
  const entries = Object.entries(value);
  return entries.length ? `{\n${entries.map(([name, one]) => `${deeper}${JSON.stringify(name)}: ${pythonLiteral(one, deeper)},`).join("\n")}\n${indent}}` : "{}";
}

function node(origin: string, path: string, body: unknown): string {
  const json = JSON.stringify(body, null, 2);
  const method = METHODS[path];
  if (!method) return `const reply = await fetch("${origin}${path}", {\n  method: "POST",\n  headers: { Authorization: \`Bearer \${process.env.GATEWAY_KEY}\`, "Content-Type": "application/json" },\n  body: JSON.stringify(${json}),\n});\nconsole.log(await reply.json());`;
  const streamed = (body as { stream?: boolean }).stream === true;
  const rest = streamed ? 'for await (const chunk of reply) process.stdout.write(chunk.choices[0]?.delta?.content ?? "");' : "console.log(reply);";
  return `import OpenAI from "openai";\n\nconst client = new OpenAI({ baseURL: "${origin}/v1", apiKey: process.env.GATEWAY_KEY });\nconst reply = await client.${method}(${json});\n${rest}`;
}
