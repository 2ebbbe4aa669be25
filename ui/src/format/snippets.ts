/** A request as code to take away: curl, Python, JavaScript. The key stays a variable. */

export type Language = "curl" | "python" | "node";

/** What is asked. `file` is the name of a file that goes along as multipart. */
export interface Sample {
  path: string;
  body: unknown;
  file?: string;
}

type Fields = Record<string, unknown>;

const MAX_URL = 200;
/** Shells take no longer argument. */
const MAX_ARGUMENT = 100_000;
const OF_TEXT = ["model", "n", "stream", "stream_options", "max_tokens", "temperature", "top_p", "stop", "seed", "logprobs", "logit_bias", "frequency_penalty", "presence_penalty", "user"];

interface Method {
  call: string;
  /** The answer is bytes. */
  sound?: boolean;
  /** What Python's client knows by name; other fields go as `extra_body`. */
  takes?: string[];
  /** What the clients demand, whatever the model needs. */
  needs?: Fields;
}

/** Methods of OpenAI's clients. */
const METHODS: Record<string, Method> = {
  "/v1/chat/completions": { call: "chat.completions.create", takes: [...OF_TEXT, "messages", "max_completion_tokens", "tools", "tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort", "top_logprobs", "modalities", "audio", "prediction", "metadata", "store", "service_tier"] },
  "/v1/completions": { call: "completions.create", takes: [...OF_TEXT, "prompt", "suffix", "echo", "best_of"] },
  "/v1/embeddings": { call: "embeddings.create", takes: ["model", "input", "dimensions", "encoding_format", "user"] },
  "/v1/audio/translations": { call: "audio.translations.create" },
  "/v1/audio/transcriptions": { call: "audio.transcriptions.create" },
  "/v1/audio/speech": { call: "audio.speech.create", sound: true, needs: { voice: "alloy" } },
  "/v1/images/generations": { call: "images.generate", takes: ["model", "prompt", "n", "size", "quality", "response_format", "style", "user"] },
};

/** Long data URLs are shortened: nobody wants to read a megabyte of base64. */
function shortened(value: unknown): unknown {
  if (typeof value === "string" && value.startsWith("data:") && value.length > MAX_URL) return `${value.slice(0, 60)}…`;
  if (Array.isArray(value)) return value.map(shortened);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, shortened(one)]));
  return value;
}

/** The code to read; `whole`, the code to run. */
export function snippet(language: Language, origin: string, asked: Sample, whole: boolean): string {
  const sample = whole ? asked : { ...asked, body: shortened(asked.body) };
  if (language === "curl") return curl(origin, sample);
  if (language === "python") return python(origin, sample);
  return node(origin, sample);
}

/** The name that the answer is saved under: the sound of /v1/audio/speech. */
function saved(body: unknown): string {
  return `speech.${(body as Fields).response_format ?? "mp3"}`;
}

/** Fields of a form; lists as OpenAI's clients send them. */
function formFields(body: unknown): [string, string][] {
  return Object.entries(body as Fields).flatMap(([name, value]): [string, string][] =>
    Array.isArray(value) ? value.map((one) => [`${name}[]`, String(one)]) : [[name, String(value)]]);
}

function shell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function curl(origin: string, { path, body, file }: Sample): string {
  const lines = [`curl ${origin}${path}`, '-H "Authorization: Bearer $GATEWAY_KEY"'];
  const json = JSON.stringify(body, null, 2);
  const long = file === undefined && json.length > MAX_ARGUMENT;
  if (long) lines.push('-H "Content-Type: application/json"', "-d @-");
  else if (file === undefined) lines.push('-H "Content-Type: application/json"', `-d ${shell(json)}`);
  else lines.push(...formFields(body).map(([name, value]) => `-F ${shell(`${name}=${value}`)}`), `-F ${shell(`file=@${file}`)}`);
  if (METHODS[path]?.sound) lines.push(`--output ${saved(body)}`);
  return lines.join(" \\\n  ") + (long ? ` <<'JSON'\n${json}\nJSON` : "");
}

function python(origin: string, { path, body, file }: Sample): string {
  const method = METHODS[path];
  if (!method) return `import os\n\nimport httpx\n\nreply = httpx.post(\n    "${origin}${path}",\n    headers={"Authorization": "Bearer " + os.environ["GATEWAY_KEY"]},\n${pythonBody(body, file)}    timeout=600,\n)\nprint(reply.json())`;
  const fields = Object.entries(known({ ...method.needs, ...(body as Fields) }, method.takes)).map(([name, value]) => `    ${name}=${pythonLiteral(value, "    ")},`);
  if (file !== undefined) fields.push(`    file=open(${JSON.stringify(file)}, "rb"),`);
  return `import os\n\nfrom openai import OpenAI\n\nclient = OpenAI(base_url="${origin}/v1", api_key=os.environ["GATEWAY_KEY"])\nreply = client.${method.call}(\n${fields.join("\n")}\n)\n${pythonRest(path, body)}`;
}

function known(fields: Fields, takes: string[] = Object.keys(fields)): Fields {
  const extra = Object.entries(fields).filter(([name]) => !takes.includes(name));
  const plain = Object.entries(fields).filter(([name]) => takes.includes(name));
  return Object.fromEntries(extra.length ? [...plain, ["extra_body", Object.fromEntries(extra)]] : plain);
}

function pythonBody(body: unknown, file?: string): string {
  const literal = pythonLiteral(body, "    ");
  return file === undefined ? `    json=${literal},\n` : `    data=${literal},\n    files={"file": open(${JSON.stringify(file)}, "rb")},\n`;
}

function pythonRest(path: string, body: unknown): string {
  if (METHODS[path]?.sound) return `reply.write_to_file("${saved(body)}")`;
  const streamed = (body as { stream?: boolean }).stream === true;
  return streamed ? "for chunk in reply:\n    if chunk.choices:\n        print(chunk.choices[0].delta.content or \"\", end=\"\")" : "print(reply)";
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

function node(origin: string, { path, body, file }: Sample): string {
  const method = METHODS[path];
  if (!method) return nodeFetch(origin, path, body, file);
  const json = JSON.stringify({ ...method.needs, ...(body as Fields) }, null, 2);
  const fields = file === undefined ? json : json.replace(/\n}$/, `,\n  "file": fs.createReadStream(${JSON.stringify(file)})\n}`);
  const files = file !== undefined || method.sound ? 'import fs from "node:fs";\n' : "";
  return `${files}import OpenAI from "openai";\n\nconst client = new OpenAI({ baseURL: "${origin}/v1", apiKey: process.env.GATEWAY_KEY });\nconst reply = await client.${method.call}(${fields});\n${nodeRest(path, body)}`;
}

function nodeFetch(origin: string, path: string, body: unknown, file?: string): string {
  const auth = "Authorization: `Bearer ${process.env.GATEWAY_KEY}`";
  const send = (headers: string, content: string) => `const reply = await fetch("${origin}${path}", {\n  method: "POST",\n  headers: { ${headers} },\n  body: ${content},\n});\nconsole.log(await reply.json());`;
  if (file === undefined) return send(`${auth}, "Content-Type": "application/json"`, `JSON.stringify(${JSON.stringify(body, null, 2)})`);
  const lines = formFields(body).map(([name, value]) => `form.set(${JSON.stringify(name)}, ${JSON.stringify(value)});`);
  return `import { openAsBlob } from "node:fs";\n\nconst form = new FormData();\n${lines.join("\n")}\nform.set("file", await openAsBlob(${JSON.stringify(file)}), ${JSON.stringify(file)});\n${send(auth, "form")}`;
}

function nodeRest(path: string, body: unknown): string {
  if (METHODS[path]?.sound) return `fs.writeFileSync("${saved(body)}", Buffer.from(await reply.arrayBuffer()));`;
  const streamed = (body as { stream?: boolean }).stream === true;
  return streamed ? 'for await (const chunk of reply) process.stdout.write(chunk.choices[0]?.delta?.content ?? "");' : "console.log(reply);";
}
