// The methods of the client for webhooks, API keys and namespaces.

import type { Http } from "../http.js";
import type * as api from "../types.js";
import { ApiKey, Namespace } from "./tenants.js";
import { Webhook } from "./webhooks.js";

export abstract class AccessMethods {
  constructor(protected readonly http: Http) {}

  /** Send events to a URL from now on; `secret` of the result verifies their signatures. */
  async createWebhook(
    url: string,
    events: api.WebhookIn["events"],
    options: { description?: string } = {},
  ): Promise<Webhook> {
    const call = { body: { url, events, ...options }, repeat: false, needs: "secret" };
    const data: api.WebhookSecretOut = await this.http.json("POST", "/v1/webhooks", call);
    return new Webhook(this.http, data.id, data);
  }

  /** An endpoint by its id, or all callbacks as `callbacks`. Sends nothing: call a method of it. */
  webhook(id: string): Webhook {
    return new Webhook(this.http, id);
  }

  /** The endpoints of the namespace, newest first. */
  async *webhooks(): AsyncGenerator<Webhook> {
    const page: api.WebhookPage = await this.http.json("GET", "/v1/webhooks", { needs: "items" });
    for (const row of page.items) yield new Webhook(this.http, row.id, row);
  }

  /** Create a key for the caller's namespace; `secret` of the result is the key. */
  async createApiKey(name: string, scopes: api.ApiKeyIn["scopes"], options: api.ApiKeyOptions = {}): Promise<ApiKey> {
    const call = { body: { name, scopes, ...options }, repeat: false, needs: "key" };
    const data: api.ApiKeyIssuedOut = await this.http.json("POST", "/v1/api-keys", call);
    return new ApiKey(this.http, data.id, data);
  }

  /** A key by its id. Sends nothing: call a method of it. */
  apiKey(id: string): ApiKey {
    return new ApiKey(this.http, id);
  }

  /** The keys of the caller's namespace, newest first. */
  async *apiKeys({ limit }: { limit?: number } = {}): AsyncGenerator<ApiKey> {
    for await (const row of this.http.items<api.ApiKeyOut>("/v1/api-keys", {}, limit)) {
      yield new ApiKey(this.http, row.id, row);
    }
  }

  /** Give a namespace quotas, by default the ones for a shared installation. For operators. */
  async createNamespace(name: string, options: api.NamespaceOptions = {}): Promise<Namespace> {
    const call = { body: { name, ...options }, repeat: false };
    const data: api.NamespaceOut = await this.http.json("POST", "/v1/namespaces", call);
    return new Namespace(this.http, data.name, data);
  }

  /** A namespace by its name. Sends nothing: call a method of it. */
  namespace(name: string): Namespace {
    return new Namespace(this.http, name);
  }

  /** The namespaces that an operator has created, by name. */
  async *namespaces({ limit }: { limit?: number } = {}): AsyncGenerator<Namespace> {
    for await (const row of this.http.items<api.NamespaceOut>("/v1/namespaces", {}, limit)) {
      yield new Namespace(this.http, row.name, row);
    }
  }
}
