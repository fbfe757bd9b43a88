import Anthropic from "@anthropic-ai/sdk";
import { CITIES, PNG, SCHEMA, URL, left, raises, run, same } from "./cells.mjs";

const client = new Anthropic({ baseURL: URL, apiKey: "none", maxRetries: 0 });
const tool = { name: "weather", input_schema: { type: "object" } };
const body = (content, more = {}) => ({
  model: "auto",
  max_tokens: 100,
  messages: [{ role: "user", content }],
  ...more,
});
const ask = (content, more, options) => client.messages.create(body(content, more), options);
const words = async (content, more) => (await ask(content, more)).content[0].text;
const uses = (answer) => answer.content.filter((b) => b.type === "tool_use").map((b) => b.input.city);
const cities = async (content) => uses(await ask(content, { tools: [tool] }));

await run({
  list: async () => same((await client.models.list()).data[0].id, "auto"),
  chat: async () => same(await words("hello"), "hello back"),
  stream: async () => {
    same(await client.messages.stream(body("hello")).finalText(), "hello back");
    const events = client.messages.stream(body("two cities", { tools: [tool] }));
    same(uses(await events.finalMessage()), CITIES);
  },
  tools: async () => same(await cities("one city"), CITIES.slice(0, 1)),
  "parallel tools": async () => same(await cities("two cities"), CITIES),
  structured: async () => {
    const format = { type: "json_schema", schema: SCHEMA };
    same(await words("json", { output_config: { format } }), '{"n": 7}');
  },
  image: async () => {
    const source = { type: "base64", media_type: "image/png", data: PNG };
    same(await words([{ type: "image", source }, { type: "text", text: "image" }]), "seen");
  },
  error: async () => {
    await raises(Anthropic.NotFoundError, () => ask("x", { model: "no" }));
    await raises(Anthropic.BadRequestError, () => ask("x", { routewright: { x: 1 } }));
    await raises(Anthropic.RateLimitError, () => ask("limit"));
  },
  timeout: () => raises(Anthropic.APIConnectionTimeoutError, () => ask("slow", {}, { timeout: 500 })),
  cancel: async () => {
    const events = await ask("hang", { stream: true });
    for await (const _ of events) break;
    events.controller.abort();
    await left();
  },
  async: async () => same(await Promise.all([words("hello"), words("hello")]), Array(2).fill("hello back")),
});
