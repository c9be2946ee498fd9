// What the client throws.

import type { ErrorOut, Problem, ProblemCode, RejectedOut } from "./types.js";

/** The base of every error of this client. */
export class TriageError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The URL or the key cannot be used. */
export class ConfigurationError extends TriageError {}

/** The handle has an id only: nothing of the resource has been read yet. */
export class NotLoaded extends TriageError {}

/** The API did not respond, even after retries: no connection, or a broken one, or a timeout. */
export class NoResponse extends TriageError {
  constructor(
    message: string,
    /** Whether the API may have received the request all the same. */
    readonly maybeApplied: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A response that is not from Triage, such as a proxy's page of HTML. */
export class UnexpectedResponse extends TriageError {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

/** An error response of the API. Decide by `code`. */
export class ApiError extends TriageError {
  readonly status: number;
  /** A code that is newer than this client is a string as well. */
  readonly code: ProblemCode | (string & {});
  readonly detail: string;
  /** The invalid fields. */
  readonly errors: Problem["errors"];
  /** Whether the same request can succeed later. The client has already repeated it, if that was safe. */
  readonly retryable: boolean;
  readonly requestId: string | null;

  constructor(
    /** The whole document; some codes add members, such as `current_state`. */
    readonly problem: Problem,
    /** The Retry-After of the response, in seconds. */
    readonly retryAfter?: number,
  ) {
    const rows = (problem.errors ?? []).slice(0, 10).map((row) => `\n  ${row.pointer}: ${row.message}`);
    super(`${problem.status} ${problem.code}: ${problem.detail}${rows.join("")}`);
    this.status = problem.status;
    this.code = problem.code;
    this.detail = problem.detail;
    this.errors = problem.errors ?? [];
    this.retryable = problem.retryable;
    this.requestId = problem.request_id;
  }
}

/** The job finished without a result. */
export class JobNotSucceeded extends TriageError {
  constructor(
    message: string,
    readonly jobId: string,
    /** The job's `state_reason`. */
    readonly reason: string | null,
    /** The last failure. */
    readonly error: ErrorOut | null,
  ) {
    super(message);
  }
}

/** The job gave up; it is in the dead-letter queue. */
export class JobDead extends JobNotSucceeded {}

/** The job was cancelled. */
export class JobCancelled extends JobNotSucceeded {}

/** It did not finish in the time that the caller gave. */
export class WaitTimeout extends TriageError {}

/** The fan-out has invalid items, and the client has cancelled it. */
export class ItemsRejected extends TriageError {
  constructor(
    readonly fanOutId: string,
    readonly rejected: RejectedOut[],
  ) {
    const rows = rejected.slice(0, 10).flatMap(({ index, problem }) =>
      ((problem as Partial<Problem>).errors ?? []).map(
        // A pointer begins with the item's place in the request, which is not its index.
        (row) => `\n  item ${index}${row.pointer.replace(/^\/items\/\d+/, "")}: ${row.message}`,
      ),
    );
    super(`${fanOutId} is cancelled: ${rejected.length} invalid items${rows.join("")}`);
  }
}
