// A user's program on the generated TypeScript client: every step fails loudly, the last line says that all passed.

import assert from "node:assert/strict";
import { createClient } from "./triage/client";
import * as triage from "./triage";
import type { ItemResultOut, JobEventOut, JobOut, JobSpecIn, Problem } from "./triage";

const client = createClient({ baseUrl: process.env.TRIAGE_URL!, auth: process.env.TRIAGE_API_KEY! });

/** The response, unless it is a problem. */
async function ok<Data>(call: Promise<{ data?: Data; error?: unknown }>): Promise<NonNullable<Data>> {
  const { data, error } = await call;
  assert.ok(data, JSON.stringify(error));
  return data;
}

function spec(work = "ok", fields: Partial<JobSpecIn> = {}): JobSpecIn {
  return { name: "scripted", payload: { do: work }, ...fields };
}

/** Waits for the job with one long poll. */
async function finished(id: string): Promise<JobOut> {
  return ok(triage.getJob({ client, path: { job_id: id }, query: { wait: 20 } }));
}

async function submitAndWait() {
  const job = await ok(triage.createJob({ client, body: spec(), headers: { Prefer: "wait=20" } }));
  assert.equal(job.state, "succeeded");
  assert.equal(job.attempt, 1);
}

async function theSameKeyIsTheSameJob() {
  const headers = { "Idempotency-Key": "tour-typescript" };
  const first = await triage.createJob({ client, body: spec(), headers });
  const again = await triage.createJob({ client, body: spec(), headers });
  assert.deepEqual(again.data, first.data);
  assert.equal(again.response?.headers.get("Idempotency-Replayed"), "true");
}

/** From the job type in tests/sdks/inheriting.py, which sets every option to an unusual value. */
async function whatIsAbsentIsInherited() {
  const job: JobSpecIn = { name: "inheriting", retry: { delay_seconds: 2 } };
  const flow = await ok(triage.createFlow({ client, body: { name: "tour", jobs: { only: { job } } } }));
  const fanOut = await ok(triage.createFanOut({ client, body: { template: job, items: [{ payload: {} }] } }));
  const accepted = [
    await ok(triage.createJob({ client, body: job })),
    (await ok(triage.createJobs({ client, body: { jobs: [job] } }))).results[0]?.job,
    await ok(triage.getJob({ client, path: { job_id: flow.jobs["only"]! } })),
    (await ok(triage.listFanOutJobs({ client, path: { fan_out_id: fanOut.id } }))).items[0],
  ];
  for (const one of accepted) {
    assert.deepEqual([one?.queue, one?.priority, one?.max_attempts], ["of-the-type", 7, 5]);
    assert.ok(one?.expires_at);
  }
  // A schedule shows the job as it was sent.
  const body = { job, cron: "@yearly" };
  const schedule = await ok(triage.putSchedule({ client, path: { name: "tour-typescript" }, body }));
  assert.deepEqual(schedule.job, job);
}

async function listPageByPage() {
  const tags = { tour: "typescript" };
  const bulk = await ok(triage.createJobs({ client, body: { jobs: [spec("ok", { tags }), spec("ok", { tags }), spec("ok", { tags })] } }));
  assert.equal(bulk.succeeded, 3);
  const query = { tag: ["tour:typescript"], limit: 2 };
  const first = await ok(triage.listJobs({ client, query }));
  assert.ok(first.next_cursor);
  const second = await ok(triage.listJobs({ client, query: { ...query, cursor: first.next_cursor } }));
  const listed = [...first.items, ...second.items].map((job) => job.id);
  assert.deepEqual(listed.sort(), bulk.results.map((row) => row.job?.id).sort());
}

async function changeAndCancel() {
  const job = await ok(triage.createJob({ client, body: spec("ok", { delay_seconds: 3600 }) }));
  assert.equal(job.state, "scheduled");
  const path = { job_id: job.id };
  assert.equal((await ok(triage.updateJob({ client, path, body: { priority: 7 } }))).priority, 7);
  assert.equal((await ok(triage.cancelJob({ client, path }))).state, "cancelled");
}

async function aProblemHasACode() {
  const job = await ok(triage.createJob({ client, body: spec(), headers: { Prefer: "wait=20" } }));
  const { error } = await triage.cancelJob({ client, path: { job_id: job.id } });
  const problem: Problem | undefined = error;
  assert.equal(problem?.code, "invalid_state");
  assert.equal(problem?.current_state, "succeeded");
}

async function retryADeadLetter() {
  const job = await ok(triage.createJob({ client, body: spec("fail", { retry: { max_attempts: 1 } }) }));
  const path = { job_id: job.id };
  assert.equal((await finished(job.id)).state, "dead");
  assert.equal((await ok(triage.getDeadLetter({ client, path }))).reason, "exhausted");
  await ok(triage.retryDeadLetter({ client, path, body: { payload: { do: "ok" } } }));
  assert.equal((await finished(job.id)).state, "succeeded");
}

async function pauseAQueue() {
  const path = { name: "tour-typescript" };
  assert.ok((await ok(triage.pauseQueue({ client, path }))).paused);
  const job = await ok(triage.createJob({ client, body: spec("ok", { queue: path.name }) }));
  assert.equal((await ok(triage.getQueue({ client, path }))).counts.queued, 1);
  assert.ok(!(await ok(triage.resumeQueue({ client, path }))).paused);
  assert.equal((await finished(job.id)).state, "succeeded");
}

async function aFlow() {
  const jobs = {
    first: { job: spec() },
    second: { job: spec("fail", { retry: { max_attempts: 1 } }) },
    last: { job: spec(), depends_on: ["first", { key: "second", when: "failed" as const }] },
  };
  const body = { name: "tour", on_failure: "continue" as const, jobs };
  const flow = await ok(triage.createFlow({ client, body, headers: { Prefer: "wait=20" } }));
  // The dead job fails the flow, but the job that depends on that failure has run.
  assert.equal(flow.state, "failed");
  assert.deepEqual([flow.counts.total, flow.counts.succeeded, flow.counts.dead], [3, 2, 1]);
  assert.equal((await finished(flow.jobs["last"]!)).state, "succeeded");
  const path = { flow_id: flow.id };
  assert.equal((await ok(triage.listFlowJobs({ client, path }))).items.length, 3);
  const { edges } = await ok(triage.getFlowGraph({ client, path }));
  assert.deepEqual(edges.map((edge) => `${edge.from} -> ${edge.to}`).sort(), ["first -> last", "second -> last"]);
}

async function aFanOut() {
  const items = ["ok", "give_up", "ok"].map((work) => ({ payload: { do: work } }));
  const body = { template: spec(), items: items.slice(0, 1), sealed: false, then: spec() };
  const fanOut = await ok(triage.createFanOut({ client, body }));
  assert.deepEqual([fanOut.state, fanOut.counts.total], ["open", 1]);
  const path = { fan_out_id: fanOut.id };
  const added = await ok(triage.addFanOutItems({ client, path, body: { start_index: 1, items: items.slice(1) } }));
  assert.deepEqual([added.accepted, added.next_index], [2, 3]);
  await ok(triage.sealFanOut({ client, path, body: { expected_count: 3 } }));
  const ended = await ok(triage.getFanOut({ client, path, query: { wait: 20 } }));
  assert.deepEqual([ended.state, ended.counts.succeeded, ended.counts.dead], ["failed", 2, 1]);
  assert.equal((await finished(fanOut.then_job_id!)).state, "succeeded");
  const lines = (await (await ok(triage.listFanOutResults({ client, path }))).text()).trim().split("\n");
  const results = lines.map((line) => JSON.parse(line) as ItemResultOut);
  assert.deepEqual(results.map(({ index, state }) => [index, state]), [[0, "succeeded"], [1, "dead"], [2, "succeeded"]]);
  assert.equal((await ok(triage.listFanOutJobs({ client, path }))).items.length, 3);
  assert.equal((await ok(triage.retryFanOut({ client, path }))).counts.succeeded, 2);
  assert.equal((await ok(triage.getFanOut({ client, path, query: { wait: 20 } }))).counts.dead, 1);
}

async function aStream() {
  const job = await ok(triage.createJob({ client, body: spec("ok", { delay_seconds: 1 }) }));
  const { stream } = await triage.streamJobEvents({ client, path: { job_id: job.id } });
  const seen: JobEventOut[] = [];
  for await (const event of stream) {
    if (typeof event === "object") seen.push(event);
  }
  assert.equal(seen[0]?.state, "scheduled");
  assert.equal(seen.at(-1)?.state, "succeeded");
}

const steps = [
  submitAndWait,
  theSameKeyIsTheSameJob,
  whatIsAbsentIsInherited,
  listPageByPage,
  changeAndCancel,
  aProblemHasACode,
  retryADeadLetter,
  pauseAQueue,
  aFlow,
  aFanOut,
  aStream,
];

async function main() {
  for (const step of steps) {
    await step();
    console.log(step.name);
  }
  console.log(`${steps.length} steps passed`);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
