// Usage: node client.mjs BASE_URL API_KEY '{"chat": "...", "embedding": "...", "transcription": "...", "wav": "...", ...}'
// Does with the official client what a user would do and prints one JSON object of what came back.
import fs from "node:fs";
import OpenAI from "openai";

const [baseURL, apiKey, given] = process.argv.slice(2);
const wanted = JSON.parse(given);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0, defaultQuery: wanted.query ?? {} });

async function chat() {
  const messages = [{ role: "user", content: wanted.question }];
  const whole = await client.chat.completions.create({ model: wanted.chat, messages, temperature: 0 });
  const stream = await client.chat.completions.create({
    model: wanted.chat,
    messages,
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = "";
  let usage = null;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? "";
    usage = chunk.usage ?? usage;
  }
  return { whole: whole.choices[0].message.content, streamed: text, usage };
}

async function embedding() {
  const reply = await client.embeddings.create({ model: wanted.embedding, input: ["a cat sits", "a kitten is sitting"] });
  return reply.data.map((row) => row.embedding);
}

async function transcription() {
  if (wanted.json) {
    const audio_b64 = fs.readFileSync(wanted.wav).toString("base64");
    const body = { model: wanted.transcription, audio_b64, response_format: "json" };
    return (await client.post("/audio/transcriptions", { body })).text;
  }
  const file = fs.createReadStream(wanted.wav);
  return (await client.audio.transcriptions.create({ model: wanted.transcription, file })).text;
}

async function image() {
  return (await client.images.generate({ model: wanted.image, prompt: "a kite" })).data[0].b64_json;
}

async function edit() {
  const image = [fs.createReadStream(wanted.png), fs.createReadStream(wanted.png)];
  return (await client.images.edit({ model: wanted.edit, image, prompt: "a kite" })).data[0].b64_json;
}

async function speech() {
  const reply = await client.audio.speech.create({ model: wanted.speech, input: "Good morning.", voice: "nova" });
  const sound = Buffer.from(await reply.arrayBuffer());
  return { type: reply.headers.get("content-type"), bytes: sound.length, start: sound.subarray(0, 4).toString("latin1") };
}

async function refusal() {
  try {
    await client.chat.completions.create({ model: "no-such-model", messages: [{ role: "user", content: "hi" }] });
    return null;
  } catch (error) {
    return { name: error.constructor.name, status: error.status, code: error.code, param: error.param };
  }
}

const result = { models: (await client.models.list()).data.map((model) => model.id), refusal: await refusal() };
if (wanted.chat) result.chat = await chat();
if (wanted.embedding) result.embedding = await embedding();
if (wanted.image) result.image = await image();
if (wanted.edit) result.edit = await edit();
if (wanted.speech) result.speech = await speech();
if (wanted.transcription) result.transcription = await transcription();
console.log(JSON.stringify(result));
