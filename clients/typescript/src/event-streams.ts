// Streams of server-sent events that survive broken connections.

import { ApiError, TriageError } from "./errors.js";
import { Outage, pause, type Call, type Http } from "./http.js";
import { EventParser, linesOf, type StreamedEvent } from "./lines.js";
import type { Problem } from "./types.js";

const MEDIA_TYPE = "text/event-stream";

/** The events of a stream, until the API says that no more will come. Throws what lasts for a minute. */
export async function* streamEvents(http: Http, place: string, call: Call = {}): AsyncGenerator<StreamedEvent> {
  const outage = new Outage();
  let lastId: string | undefined;
  for (;;) {
    const parser = new EventParser(lastId);
    const headers = { Accept: MEDIA_TYPE, ...(lastId ? { "Last-Event-ID": lastId } : {}) };
    let problem: TriageError | undefined;
    try {
      const stream = await http.stream(place, MEDIA_TYPE, { ...call, headers });
      if (stream === null) return;
      for await (const line of linesOf(stream)) {
        const event = parser.feed(line);
        if (event?.name === "unavailable") throw problemOf(503, "backend_unavailable", event.data, true);
        if (event?.name === "unauthorized") throw problemOf(401, "unauthenticated", event.data);
        // The process that shuts down closes the stream.
        if (event && event.name !== "shutdown") {
          outage.end();
          yield event;
        }
      }
    } catch (error) {
      if (!(error instanceof TriageError)) throw error;
      problem = error;
    }
    lastId = parser.lastId;
    await pause(Math.max(parser.retry, outage.pause(problem)), call.signal);
  }
}

/** The error for an event that ends a stream; its data may name another code. */
export function problemOf(status: number, code: Problem["code"], data: unknown, retryable = false): ApiError {
  const detail = "The API ended the stream.";
  const found = (data as { code?: Problem["code"] } | null)?.code ?? code;
  const rest = { title: detail, detail, instance: "", retryable, request_id: null, errors: [] };
  return new ApiError({ type: `/problems/${found}`, status, code: found, ...rest });
}
