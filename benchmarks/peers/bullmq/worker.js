"use strict";
const { Worker } = require("bullmq");
const { QUEUE, connect, note } = require("./common");

const RESULT = "x".repeat(64);
const options = { connection: connect(), concurrency: Number(process.env.BENCH_CONCURRENCY) };
// A limit that is never reached: what is measured is asking it.
if (process.env.BENCH_LIMITED) options.limiter = { max: 100_000, duration: 1_000 };

const worker = new Worker(
  QUEUE,
  async (job) => {
    note(job.data.sent);
    if (job.data.ms) await new Promise((resolve) => setTimeout(resolve, job.data.ms));
    return RESULT;
  },
  options,
);
worker.on("error", () => {});
process.on("SIGTERM", () => worker.close().finally(() => process.exit(0)));
