/** All pages. A new one is a row here. */

import { ApiKeyPage, ApiKeysPage } from "../access/api_keys.js";
import { WebhookPage, WebhooksPage } from "../access/webhooks.js";
import { BulkActionPage, BulkActionsPage } from "../pages/bulk_actions.js";
import { DeadLettersPage } from "../pages/dead_letters.js";
import { FanOutPage, FanOutsPage } from "../pages/fan_outs.js";
import { FlowPage, FlowsPage } from "../pages/flows.js";
import { JobPage } from "../pages/job.js";
import { JobTypePage, JobTypesPage } from "../pages/job_types.js";
import { JobsPage } from "../pages/jobs.js";
import { OverviewPage } from "../pages/overview.js";
import { QueuePage } from "../pages/queue.js";
import { QueuesPage } from "../pages/queues.js";
import { SchedulePage, SchedulesPage } from "../pages/schedules.js";
import { WorkerPage, WorkersPage } from "../pages/workers.js";

/** @typedef {(properties: {route: import("../lib/route.js").Route}) => any} PageView */
/** @typedef {{page: string, title: string, all: PageView, single?: string, one?: PageView}} Page `one` shows the thing that the address names */

/** In groups, as the navigation shows them. @type {Page[][]} */
export const NAVIGATION = [
  [{ page: "", title: "Overview", all: OverviewPage }],
  [
    { page: "jobs", title: "Jobs", all: JobsPage, single: "Job", one: JobPage },
    { page: "dead-letters", title: "Dead letters", all: DeadLettersPage },
    { page: "flows", title: "Flows", all: FlowsPage, single: "Flow", one: FlowPage },
    { page: "fan-outs", title: "Fan-outs", all: FanOutsPage, single: "Fan-out", one: FanOutPage },
    { page: "schedules", title: "Schedules", all: SchedulesPage, single: "Schedule", one: SchedulePage },
    { page: "bulk-actions", title: "Bulk actions", all: BulkActionsPage, single: "Bulk action", one: BulkActionPage },
  ],
  [
    { page: "queues", title: "Queues", all: QueuesPage, single: "Queue", one: QueuePage },
    { page: "job-types", title: "Job types", all: JobTypesPage, single: "Job type", one: JobTypePage },
    { page: "workers", title: "Workers", all: WorkersPage, single: "Worker", one: WorkerPage },
  ],
  [
    { page: "webhooks", title: "Webhooks", all: WebhooksPage, single: "Webhook", one: WebhookPage },
    { page: "api-keys", title: "API keys", all: ApiKeysPage, single: "API key", one: ApiKeyPage },
  ],
];

/** Only the events that a page can use: a busy namespace has thousands in a second. @type {Record<string, string>} */
const EVENTS = { "": "queue,job.dead", jobs: "job", "dead-letters": "job.dead", flows: "flow", "fan-outs": "fan_out", queues: "queue" };

/**
 * @param {import("../lib/route.js").Route} route
 * @returns {[string, string][] | null} parameters of /v1/events; null: the page follows none
 */
export function eventsOf({ page, id, filter }) {
  if (!Object.hasOwn(EVENTS, page)) return null;
  if (page === "queues" && id !== null) return [["queue", id]];
  const group = (page === "flows" || page === "fan-outs") && id !== null;
  return [["types", `${EVENTS[page]}${group ? ",job" : ""}`], ["queue", page === "jobs" && id === null ? filter.get("queue") ?? "" : ""]];
}

export const PAGES = new Map(NAVIGATION.flat().map((page) => [page.page, page]));
