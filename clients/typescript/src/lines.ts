// Lines and server-sent events from chunks of bytes.

/** The lines of a stream; a text without a line feed at the end is no line. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
}

export interface StreamedEvent {
  name: string;
  data: unknown;
  id: string | undefined;
}

/** Reads the lines of a stream of server-sent events. */
export class EventParser {
  /** The pause before a new connection that the stream asks for, in seconds. */
  retry = 0;
  #data: string[] = [];
  #name = "";
  #id: string | undefined;

  /** `lastId` is that of the last complete event, or keep-alive with an id. */
  constructor(public lastId: string | undefined) {
    this.#id = lastId;
  }

  /** The event that this line completes. */
  feed(line: string): StreamedEvent | undefined {
    const text = line.endsWith("\r") ? line.slice(0, -1) : line;
    if (text) {
      this.#read(text);
      return undefined;
    }
    this.lastId = this.#id;
    if (!this.#data.length && !this.#name) return undefined;
    const data = this.#data.join("\n");
    const event = { name: this.#name || "message", data: data ? JSON.parse(data) : null, id: this.lastId };
    this.#data = [];
    this.#name = "";
    return event;
  }

  #read(line: string): void {
    const at = line.indexOf(":");
    const field = at < 0 ? line : line.slice(0, at);
    const value = at < 0 ? "" : line.slice(at + 1).replace(/^ /, "");
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#name = value;
    else if (field === "id") this.#id = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.retry = Number(value) / 1000;
  }
}
