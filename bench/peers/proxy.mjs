// A zero-dependency gateway on node:http: key by its hash, model to upstream, rewritten body, counted usage.
// usage: node proxy.mjs PORT UPSTREAM_PORT KEY
import { createHash } from "node:crypto";
import http from "node:http";

const [port, upstreamPort, secret] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 1024 });
const digest = (text) => createHash("sha256").update(text).digest("hex");
const keys = new Map([[digest(secret), { requests: 0, input: 0, output: 0 }]]);
const models = new Map([["m-chat", "up-chat"], ["m-embed", "up-embed"]]);

function refuse(response, status, message) {
  const body = JSON.stringify({ error: { message, type: "invalid_request_error" } });
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  response.end(body);
}

function count(key, usage) {
  key.requests += 1;
  key.input += usage?.prompt_tokens ?? 0;
  key.output += usage?.completion_tokens ?? 0;
}

function passStream(answer, response, key) {
  answer.on("data", (chunk) => {
    if (chunk.includes('"usage":{')) key.requests += 1;
    response.write(chunk);
  });
  answer.on("end", () => response.end());
}

function passWhole(answer, response, key) {
  const parts = [];
  answer.on("data", (part) => parts.push(part));
  answer.on("end", () => {
    const body = Buffer.concat(parts);
    try {
      count(key, JSON.parse(body).usage);
    } catch {
      key.requests += 1;
    }
    response.end(body);
  });
}

function forward(path, call, key, response) {
  const body = Buffer.from(JSON.stringify(call));
  const headers = { authorization: "Bearer sk-upstream", "content-type": "application/json", "content-length": body.length };
  const options = { agent, host: "127.0.0.1", port: upstreamPort, path, method: "POST", headers };
  const upstream = http.request(options, (answer) => {
    response.writeHead(answer.statusCode, { "content-type": answer.headers["content-type"] });
    (call.stream ? passStream : passWhole)(answer, response, key);
  });
  upstream.on("error", () => (response.headersSent ? response.destroy() : refuse(response, 502, "no answer")));
  response.on("close", () => response.writableEnded || upstream.destroy());
  upstream.end(body);
}

function serve(request, response, body) {
  const key = keys.get(digest((request.headers.authorization ?? "").slice(7)));
  if (!key) return refuse(response, 401, "unknown key");
  let call;
  try {
    call = JSON.parse(body);
  } catch {
    return refuse(response, 400, "the body is not JSON");
  }
  const model = models.get(call.model);
  if (!model) return refuse(response, 404, "unknown model");
  return forward(request.url, { ...call, model }, key, response);
}

const server = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => serve(request, response, Buffer.concat(parts)));
});
server.keepAliveTimeout = 60_000;
server.listen(Number(port), "127.0.0.1", 4096);
