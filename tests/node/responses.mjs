// Usage: node responses.mjs BASE_URL API_KEY '{"model": "...", "step": "..."}'
// Takes one step with the Responses API of the official client and prints one JSON object of what came of it.
import OpenAI from "openai";
import { zodResponsesFunction, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

const [baseURL, apiKey, given] = process.argv.slice(2);
const { model, step } = JSON.parse(given);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const City = z.object({ name: z.string(), people: z.number() });
const weather = zodResponsesFunction({ name: "weather", parameters: z.object({ city: z.string() }) });

const steps = {
  async whole() {
    const response = await client.responses.create({ model, input: "hello", instructions: "Be brief." });
    return { text: response.output_text, status: response.status, usage: response.usage };
  },

  async stream() {
    const deltas = [];
    const stream = client.responses.stream({ model, input: "hello", tools: [weather] });
    stream.on("response.output_text.delta", (event) => deltas.push(event.delta));
    const response = await stream.finalResponse();
    const calls = response.output.filter((item) => item.type === "function_call");
    return {
      text: response.output_text,
      deltas: deltas.join(""),
      thoughts: response.output.filter((item) => item.type === "reasoning").map((item) => item.content[0].text),
      calls: calls.map((call) => ({ id: call.call_id, name: call.name, city: call.parsed_arguments.city })),
    };
  },

  async parse() {
    const text = { format: zodTextFormat(City, "city") };
    const whole = await client.responses.parse({ model, input: "Where?", text });
    const streamed = await client.responses.stream({ model, input: "Where?", text }).finalResponse();
    return { whole: whole.output_parsed, streamed: streamed.output_parsed };
  },

  async turn() {
    const input = [{ role: "user", content: "hello" }];
    const first = await client.responses.create({ model, input, tools: [weather] });
    input.push(...first.output);
    for (const call of first.output.filter((item) => item.type === "function_call")) {
      input.push({ type: "function_call_output", call_id: call.call_id, output: "warm" });
    }
    return { text: (await client.responses.create({ model, input, tools: [weather] })).output_text };
  },

  async broken() {
    const types = [];
    try {
      for await (const event of await client.responses.create({ model, input: "hello", stream: true })) {
        types.push(event.type);
      }
      return { types };
    } catch (error) {
      return { types, error: { name: error.constructor.name, code: error.code, message: error.message } };
    }
  },

  async refused() {
    try {
      await client.responses.create({ model, input: "hello", previous_response_id: "resp_1" });
      return {};
    } catch (error) {
      return { name: error.constructor.name, status: error.status, code: error.code, param: error.param };
    }
  },
};
console.log(JSON.stringify(await steps[step]()));
