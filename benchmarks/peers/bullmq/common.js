"use strict";
const fs = require("node:fs");
const IORedis = require("ioredis");

const QUEUE = "bench";
const TEXT = "x".repeat(180);

// A URL of a Unix socket, as the embedded server has it.
const connect = () => new IORedis({ path: process.env.BENCH_REDIS.replace("unix://", ""), maxRetriesPerRequest: null });

const monotonic = () => Number(process.hrtime.bigint()) / 1e9;
const cpuSeconds = () => {
  const used = process.cpuUsage();
  return (used.user + used.system) / 1e6;
};

let first = true;
// As benchmarks/handlers.py does: the first run is noted, and each that carries the time at which it was sent.
const note = (sent) => {
  if (!sent && !first) return;
  first = false;
  fs.appendFileSync(process.env.BENCH_OUT, `${monotonic()} ${sent ?? 0} ${cpuSeconds()}\n`);
};

module.exports = { QUEUE, TEXT, connect, cpuSeconds, monotonic, note };
