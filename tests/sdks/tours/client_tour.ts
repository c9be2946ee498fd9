// A user's program on the TypeScript client: it calls every operation and prints which, as JSON, in its last line.

import * as client from "./index.js";
import { jobSpec, Triage, type Job } from "./index.js";

const called = new Set<string>();
const broken: string[] = [];

/** Records the operations; breaks the connection after the API has received what `broken` names. */
const recording: typeof fetch = async (url, init) => {
  const place = new URL(String(url)).pathname;
  const call = `${init?.method} ${place.replace(/\/((job|flow|fan|act|wk|wh|del|key)_\w+|tour-ts[\w-]*)/g, "/{}")}`;
  called.add(call);
  const response = await fetch(url, init);
  if (broken[0] !== call) return response;
  broken.shift();
  throw new TypeError("fetch failed", { cause: new Error("socket hang up") });
};
const triage = new Triage({ fetch: recording });

function equal(found: unknown, expected: unknown): void {
  const [left, right] = [found, expected].map((value) => JSON.stringify(value));
  if (left !== right) throw new Error(`${left} is not ${right}`);
}

async function thrown<E>(kind: new (...given: never[]) => E, call: () => unknown): Promise<E> {
  try {
    await call();
  } catch (error) {
    if (error instanceof kind) return error;
    throw error;
  }
  throw new Error(`${kind.name} was not thrown`);
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** What runs meanwhile may have finished first. */
const hasEnded = (error: client.ApiError): void => equal(error.code, "invalid_state");

const tour = crypto.randomUUID();
const submit = (work: string, options = {}): Promise<Job> => triage.submit("scripted", { do: work }, options);

async function jobs(): Promise<void> {
  broken.push("POST /v1/jobs");
  const job = await triage.submit("scripted", { do: "ok" }, { priority: 7, tags: { tour }, wait: 10 });
  equal([job.state, job.data.priority], ["succeeded", 7]);
  equal((await all(triage.jobs({ tag: `tour:${tour}` }))).map((row) => row.id), [job.id]); // created once
  equal((await all(triage.jobs({ limit: 1, created_after: new Date(0) }))).length, 1);
  await job.result({ timeout: 10 });
  const known = await triage.job(job.id).refresh();
  equal([await known.attempts(), (await known.logs()).length], [[], 0]);
  equal((await known.explain()).state, "succeeded");
  const late = await submit("ok", { run_at: new Date(Date.now() + 3600_000) });
  await late.update({ priority: 9 }, { ifMatch: late.version });
  equal((await thrown(client.ApiError, () => late.update({ priority: 1 }, { ifMatch: 1 }))).code, "version_mismatch");
  const states = all(late.events()).then((events) => events.map((event) => event.state));
  await late.runNow();
  equal((await states).at(-1), "succeeded");
  broken.push("DELETE /v1/jobs/{}");
  await late.delete();
  const later = await submit("ok", { delay_seconds: 3600 });
  await later.cancel({ reason: "too late" });
  equal((await thrown(client.JobCancelled, () => later.result())).message.endsWith("(requested): too late"), true);
  equal((await (await later.retry({ payload: { do: "ok" } })).wait({ timeout: 10 })).state, "succeeded");
  const many = await triage.submitMany([jobSpec("scripted", { do: "ok" }), "no name"]);
  equal(many.map(({ job, error }) => job?.id.slice(0, 4) ?? error?.code), ["job_", "validation_failed"]);
  await thrown(client.WaitTimeout, async () => (await submit("ok", { delay_seconds: 9 })).wait({ timeout: 0.01 }));
  equal((await thrown(client.ApiError, () => triage.job("job_none").cancel())).code, "not_found");
}

async function deadLetters(): Promise<void> {
  const queue = `tour-ts-${tour}`;
  const dead = await Promise.all([1, 2, 3].map(() => submit("give_up", { queue })));
  const failures = await Promise.all(dead.map((job) => thrown(client.JobDead, () => job.result({ timeout: 10 }))));
  equal(failures[0]?.reason, "non_retryable");
  const [first, second] = await all(triage.deadLetters({ queue }));
  equal((await (await first!.retry({ payload: { do: "ok" } })).wait({ timeout: 10 })).state, "succeeded");
  await (await second!.refresh()).delete();
  equal((await triage.countDeadLetters({ queue })).matched, 1);
  const retried = await (await triage.retryDeadLetters({ queue }, { max: 10 })).wait({ timeout: 10 });
  equal(retried.data.counts.succeeded, 1);
  equal((await triage.previewBulkAction("delete", { queue, tag: "no:tag" })).matched, 0);
  const action = await triage.bulkAction("delete", { queue, tag: "no:tag" });
  await triage.bulkActionById(action.id).refresh();
  for (const act of ["pause", "resume", "cancel"] as const) {
    await action[act]().catch(hasEnded);
  }
  equal((await all(triage.bulkActions({ limit: 2 }))).length, 2);
}

async function groups(): Promise<void> {
  const flow = await triage.flow(
    "tour-ts",
    { first: "scripted", last: jobSpec("scripted", { do: "give_up" }, { dependsOn: "first" }) },
    { on_failure: "continue", wait: 10 },
  );
  equal([(await flow.wait({ timeout: 10 })).state, (await all(flow.events())).at(-1)?.state], ["failed", "failed"]);
  equal([(await all(flow.jobs())).length, (await flow.graph()).edges.length, (await all(triage.flows({ limit: 1 }))).length], [2, 1, 1]);
  await triage.flowById(flow.id).retry();
  await flow.cancel().catch(hasEnded);
  await (await flow.refresh()).wait({ timeout: 10 });
  await flow.delete();

  async function* rows(): AsyncGenerator<object> {
    for (const work of ["ok", "give_up", "ok", "ok", "ok"]) yield { do: work };
  }
  broken.push("POST /v1/fan-outs/{}/items", "POST /v1/fan-outs/{}/seal");
  const sent: number[] = [];
  const fanOut = await triage.fanOut("scripted", rows(), { chunk: 2, then: "scripted", onSent: (n) => sent.push(n) });
  equal([(await fanOut.wait({ timeout: 10 })).state, fanOut.progress, sent], ["failed", { finished: 5, total: 5 }, [2, 4, 5]]);
  equal((await fanOut.thenJob!.wait({ timeout: 10 })).state, "succeeded");
  equal((await all(fanOut.results({ fromIndex: 1 }))).map((row) => row.state), ["dead", "succeeded", "succeeded", "succeeded"]);
  equal([(await all(fanOut.jobs({ state: "dead" }))).length, (await all(triage.fanOuts({ limit: 1 }))).length], [1, 1]);
  equal((await all(fanOut.events())).at(-1)?.state, "failed");
  await triage.fanOutById(fanOut.id).retry();
  await fanOut.cancel().catch(hasEnded);
  await (await fanOut.refresh()).wait({ timeout: 10 });
  await fanOut.delete();
  const small = await triage.fanOut("scripted", [{ do: "ok" }], { failure_tolerance: { percent: 50 } });
  equal((await small.wait({ timeout: 10 })).state, "succeeded");
  const rejected = await thrown(client.ItemsRejected, () => triage.fanOut("scripted", [{}, {}, { payload: 1 }], { chunk: 2 }));
  equal(rejected.message.includes("item 2/payload: "), true);
}

async function operations(): Promise<void> {
  const queue = triage.queue("tour-ts-queue");
  await queue.update({ max_concurrency: 4 });
  await queue.pause();
  await submit("ok", { queue: queue.id });
  equal([await queue.purge(), (await queue.resume()).data.paused], [1, false]);
  equal((await queue.refresh()).data.max_concurrency, 4);
  await queue.delete().catch((error: client.ApiError) => equal(error.code, "queue_not_empty"));
  equal((await all(triage.queues({ order: "attention", limit: 1 }))).length, 1);
  const schedule = await triage.putSchedule("tour-ts", "scripted", { cron: "@daily" });
  equal((await schedule.pause()).data.paused, true);
  equal([(await schedule.resume()).data.paused, (await schedule.refresh()).data.cron], [false, "@daily"]);
  equal((await (await schedule.runNow()).wait({ timeout: 10 })).state, "succeeded");
  equal((await all(triage.schedules())).some((row) => row.id === schedule.id), true);
  await schedule.delete();
  const [worker] = await all(triage.workers());
  equal((await triage.worker(worker!.id).refresh()).data.state, "running");
  equal((await triage.requestAudit()).object, "audit");
  equal((await triage.audit()).object, "audit");
  equal((await triage.jobTypes()).some((type) => type.name === "scripted"), true);
  const missing = await thrown(client.ApiError, () => triage.worker("wk_01M8AEQGPF6R1E0Y6MK47AJ2P4").drain());
  equal([missing.code, (await triage.request<{ status: string }>("GET", "/readyz")).status], ["not_found", "ok"]);
}

async function history(): Promise<void> {
  const queue = `tour-ts-history-${tour}`;
  const events = triage.events({ queue, types: ["job.succeeded", "queue"] });
  const next = events.next();
  // The stream begins some time after the call, so events are made until it has one.
  let seen: unknown;
  void next.then(({ value }) => (seen = value));
  while (seen === undefined) await triage.queue(queue).pause().then((paused) => paused.resume());
  equal((await next).value?.object, "queue");
  await events.return(undefined);
  const dead = await submit("give_up", { queue });
  await dead.wait({ timeout: 10 });
  const groups = await all(triage.deadLetterGroups({ queue }));
  equal([groups.length, groups[0]?.name], [1, "scripted"]);
  equal((await triage.countDeadLetters({ queue, fingerprint: groups[0]!.fingerprint })).matched, 1);
  equal((await triage.stats({ queue, step: "1m", from: new Date(Date.now() - 60_000) })).queue, queue);
  equal([(await triage.queueStats({ limit: 5 })).next_cursor, (await triage.jobTypeStats()).next_cursor], [null, null]);
}

async function access(): Promise<void> {
  const hook = await triage.createWebhook("https://shop.example/events", ["job.dead"], { description: "tour" });
  const first = hook.secret;
  equal([first?.startsWith("whsec_"), (await hook.rotateSecret({ overlap_seconds: 60 })) === first], [true, false]);
  await hook.update({ events: ["flow.*"] }, { ifMatch: hook.data.version });
  equal([hook.data.events, hook.secret], [["flow.*"], undefined]);
  const sent = await hook.test();
  equal([sent.data.event, (await hook.delivery(sent.id).refresh()).webhookId], ["webhook.test", hook.id]);
  equal([(await all(hook.deliveries())).map((row) => row.id), (await sent.resend()).data.status], [[sent.id], "pending"]);
  equal([(await hook.disable()).data.enabled, (await hook.enable()).data.enabled], [false, true]);
  equal((await all(triage.webhooks())).map((row) => row.id).includes(hook.id), true);
  equal((await triage.webhook(hook.id).refresh()).data.description, "tour");
  await hook.delete();

  const key = await triage.createApiKey("tour", ["jobs:read"], { queues: ["mail"], expires_at: new Date(Date.now() + 60_000) });
  const secret = key.secret;
  equal([typeof secret, (await key.rotate({ overlap_seconds: 1 })) === secret], ["string", false]);
  equal([(await triage.apiKey(key.id).refresh()).secret, (await all(triage.apiKeys({ limit: 1 }))).length], [undefined, 1]);
  await key.revoke();

  const tenant = await triage.createNamespace(`tour-ts-${tour}`, { quotas: { jobs: 5 } });
  await tenant.update({ quotas: { jobs: null } }, { ifMatch: tenant.data.version });
  equal((await triage.namespace(tenant.id).refresh()).data.quotas.jobs, null);
  equal((await all(triage.namespaces())).some((row) => row.id === tenant.id), true);
  await tenant.delete();

  const done = triage.submit("scripted", { do: "ok" }, { durability: "stored", callback: { url: "https://shop.example/" } });
  equal((await done).data.callback?.events.length, 3);
}

async function mistakes(): Promise<void> {
  for (const [url, write] of Object.entries({ "triage:8080": "http://triage:8080", "http://triage/v1": "http://triage", "ftp://x": "http://HOST:PORT" })) {
    const error = await thrown(client.ConfigurationError, () => new Triage({ url }));
    equal(error.message.endsWith(`: write ${write}`), true);
  }
  const html = (): Promise<Response> =>
    Promise.resolve(new Response("<html>", { status: 502, headers: { "Content-Type": "text/html" } }));
  const behindProxy = new Triage({ fetch: html, maxRetries: 0 });
  const page = await thrown(client.UnexpectedResponse, () => behindProxy.submit("x"));
  equal(page.message, "The server responded 502 with text/html, which is not from Triage: a proxy may have responded");
  const nobody = new Triage({ url: "http://127.0.0.1:65529", maxRetries: 1 });
  const error = await thrown(client.NoResponse, () => nobody.queue("x").purge());
  equal(error.maybeApplied, false);
  await thrown(client.NotLoaded, () => triage.job("job_1").state);
  await thrown(TypeError, () => triage.job("..").cancel());
  const stop = new AbortController();
  const waiting = (await submit("ok", { delay_seconds: 60 })).wait({ signal: stop.signal });
  stop.abort(new RangeError("enough"));
  await thrown(RangeError, () => waiting);
}

for (const part of [jobs, deadLetters, groups, operations, history, access, mistakes]) {
  await part();
  console.log(part.name);
}
console.log(JSON.stringify([...called].sort()));
