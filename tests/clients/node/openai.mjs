import OpenAI from "openai";
import { CITIES, PNG, SCHEMA, URL, left, raises, run, same } from "./cells.mjs";

const client = new OpenAI({ baseURL: `${URL}/v1`, apiKey: "none", maxRetries: 0 });
const tool = { type: "function", function: { name: "weather", parameters: { type: "object" } } };
const body = (content, more = {}) => ({ model: "auto", messages: [{ role: "user", content }], ...more });
const ask = (content, more, options) => client.chat.completions.create(body(content, more), options);
const words = async (content, more) => (await ask(content, more)).choices[0].message.content;
const cities = async (content) =>
  (await ask(content, { tools: [tool] })).choices[0].message.tool_calls.map(
    (call) => JSON.parse(call.function.arguments).city,
  );

await run({
  list: async () => same((await client.models.list()).data[0].id, "auto"),
  chat: async () => {
    same(await words("hello"), "hello back");
    same((await client.responses.create({ model: "auto", input: "hello" })).output_text, "hello back");
  },
  stream: async () => {
    let text = "";
    for await (const chunk of await ask("hello", { stream: true })) text += chunk.choices[0].delta.content ?? "";
    same(text, "hello back");
    const events = client.responses.stream({ model: "auto", input: "hello" });
    same((await events.finalResponse()).output_text, "hello back");
  },
  tools: async () => same(await cities("one city"), CITIES.slice(0, 1)),
  "parallel tools": async () => same(await cities("two cities"), CITIES),
  structured: async () => {
    const format = { type: "json_schema", json_schema: { name: "n", schema: SCHEMA } };
    same(await words("json", { response_format: format }), '{"n": 7}');
  },
  image: async () => {
    const image_url = { url: `data:image/png;base64,${PNG}` };
    same(await words([{ type: "text", text: "image" }, { type: "image_url", image_url }]), "seen");
  },
  error: async () => {
    await raises(OpenAI.NotFoundError, () => ask("x", { model: "no" }));
    await raises(OpenAI.BadRequestError, () => ask("x", { routewright: { x: 1 } }));
    await raises(OpenAI.RateLimitError, () => ask("limit"));
  },
  timeout: () => raises(OpenAI.APIConnectionTimeoutError, () => ask("slow", {}, { timeout: 500 })),
  cancel: async () => {
    const events = await ask("hang", { stream: true });
    for await (const _ of events) break;
    events.controller.abort();
    await left();
  },
  async: async () => same(await Promise.all([words("hello"), words("hello")]), Array(2).fill("hello back")),
});
