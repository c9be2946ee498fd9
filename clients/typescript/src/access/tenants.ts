// Handles of API keys and namespaces.

import { Handle } from "../handle.js";
import { path } from "../http.js";
import { ifVersion } from "../specs.js";
import type { ApiKeyIssuedOut, ApiKeyOut, NamespaceChangesIn, NamespaceOut } from "../types.js";

/** An API key of the caller's namespace. */
export class ApiKey extends Handle<ApiKeyOut> {
  protected override get place(): string {
    return path`/v1/api-keys/${this.id}`;
  }

  /** The key itself, which Triage does not store: present right after the creation or a rotation. */
  get secret(): string | undefined {
    return (this.data as Partial<ApiKeyIssuedOut>).key;
  }

  /** Give the key a new secret, and return it. Without an overlap, the old one ends at once. */
  async rotate(body: { overlap_seconds?: number } = {}): Promise<string> {
    const call = { body, repeat: false, needs: "key" };
    const found = this.http.json<ApiKeyIssuedOut>("POST", path`/v1/api-keys/${this.id}/rotate`, call);
    await this.load(found);
    return (await found).key;
  }

  /** Delete the key. API processes may accept it for up to five more seconds. */
  async revoke(): Promise<void> {
    await this.http.json("DELETE", this.place);
  }
}

/** A namespace with quotas; its id is its name. */
export class Namespace extends Handle<NamespaceOut> {
  protected override get place(): string {
    return path`/v1/namespaces/${this.id}`;
  }

  /** Change quotas, retention or redactions; null removes a quota. */
  update(changes: NamespaceChangesIn, options: { ifMatch?: number } = {}): Promise<this> {
    return this.load(this.http.json("PATCH", this.place, { body: changes, ...ifVersion(options.ifMatch) }));
  }

  /** Delete the empty namespace with its quotas, and revoke its API keys. */
  async delete(): Promise<void> {
    await this.http.json("DELETE", this.place);
  }
}
