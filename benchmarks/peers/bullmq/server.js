"use strict";
// The front door that a user of BullMQ would write: Fastify, a checked body, and `add`.
const fastify = require("fastify");
const { Queue } = require("bullmq");
const { QUEUE, connect } = require("./common");

const queue = new Queue(QUEUE, { connection: connect() });
const app = fastify();
const body = {
  type: "object",
  required: ["name"],
  properties: { name: { type: "string" }, payload: { type: "object" } },
};

app.post("/v1/jobs", { schema: { body } }, async (request, reply) => {
  const job = await queue.add(request.body.name, request.body.payload);
  reply.code(202);
  return { id: job.id, name: job.name };
});
app.listen({ port: Number(process.env.BENCH_PORT), host: "127.0.0.1" });
