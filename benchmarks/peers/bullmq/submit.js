"use strict";
// submit.js SHAPE COUNT: adds jobs and prints what that took.
const { FlowProducer, Queue } = require("bullmq");
const { QUEUE, TEXT, connect, cpuSeconds, monotonic } = require("./common");

const BULK = 1_000;
const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, 1_000 * seconds));
const connection = connect();
const queue = new Queue(QUEUE, { connection });

// Two calls are under way at a time, as from the two connections that submit to Triage.
async function bulk(count, job) {
  let number = 0;
  const caller = async () => {
    while (number < count) {
      const jobs = [];
      while (number < count && jobs.length < BULK) jobs.push(job(number++));
      await queue.addBulk(jobs);
    }
  };
  await Promise.all([caller(), caller()]);
}

const shapes = {
  noop: (count) => bulk(count, () => ({ name: "noop", data: { text: TEXT } })),
  sleep: (count) => bulk(count, () => ({ name: "sleep", data: { text: TEXT, ms: 10 } })),
  mixed: (count) =>
    bulk(count, (number) => ({ name: "noop", data: { text: TEXT }, opts: { priority: 1 + (number % 10) } })),
  async spaced(count, { apart }) {
    for (let number = 0; number < count; number++) {
      await queue.add("noop", { sent: monotonic() });
      await pause(apart);
    }
  },
  async delayed(count, { apart, delay }) {
    for (let number = 0; number < count; number++) {
      const wait = delay + number * apart;
      await queue.add("noop", { sent: monotonic() + wait }, { delay: 1_000 * wait });
    }
  },
  async flow(count) {
    const children = [];
    while (children.length < count - 1) children.push({ name: "noop", queueName: QUEUE, data: {} });
    const producer = new FlowProducer({ connection });
    await producer.add({ name: "noop", queueName: QUEUE, data: { sent: monotonic() }, children });
  },
};

async function main() {
  const [shape, count, options] = process.argv.slice(2);
  await queue.waitUntilReady();
  const [began, used] = [monotonic(), cpuSeconds()];
  await shapes[shape](Number(count), JSON.parse(options ?? "{}"));
  console.log(JSON.stringify({ seconds: monotonic() - began, cpu: cpuSeconds() - used }));
  process.exit(0);
}

main();
