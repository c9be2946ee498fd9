// Handles of webhooks and of deliveries.

import { Handle } from "../handle.js";
import { path, type Http } from "../http.js";
import { ifVersion } from "../specs.js";
import type { DeliveryOut, WebhookChangesIn, WebhookOut, WebhookSecretOut } from "../types.js";

/** An endpoint that receives events; the id `callbacks` stands for all callbacks of the namespace. */
export class Webhook extends Handle<WebhookOut> {
  protected override get place(): string {
    return path`/v1/webhooks/${this.id}`;
  }

  /** The secret that verifies signatures: present right after the creation or a rotation. */
  get secret(): string | undefined {
    return (this.data as Partial<WebhookSecretOut>).secret;
  }

  /** Change URL, events or description. With `ifMatch`, only while its version is still this one. */
  update(changes: WebhookChangesIn, options: { ifMatch?: number } = {}): Promise<this> {
    return this.load(this.http.json("PATCH", this.place, { body: changes, ...ifVersion(options.ifMatch) }));
  }

  /** Delete the endpoint and its deliveries. */
  async delete(options: { ifMatch?: number } = {}): Promise<void> {
    await this.http.json("DELETE", this.place, ifVersion(options.ifMatch));
  }

  /** Replace the secret, and return the new one. Both sign until the overlap ends: by default, a day. */
  async rotateSecret(body: { overlap_seconds?: number } = {}): Promise<string> {
    const call = { body, repeat: false, needs: "secret" };
    const found = this.http.json<WebhookSecretOut>("POST", path`/v1/webhooks/${this.id}/rotate-secret`, call);
    await this.load(found);
    return (await found).secret;
  }

  /** Deliver events from now on. */
  enable(): Promise<this> {
    return this.load(this.http.json("POST", path`/v1/webhooks/${this.id}/enable`));
  }

  /** End pending deliveries, and record no new ones. */
  disable(): Promise<this> {
    return this.load(this.http.json("POST", path`/v1/webhooks/${this.id}/disable`));
  }

  /** Send `webhook.test` to this endpoint; refresh the delivery to see how it went. */
  async test(): Promise<Delivery> {
    const data: DeliveryOut = await this.http.json("POST", path`/v1/webhooks/${this.id}/test`, { repeat: false });
    return new Delivery(this.http, this.id, data.id, data);
  }

  /** Pending deliveries and the last that ended, newest first. */
  async *deliveries({ status, limit }: { status?: DeliveryOut["status"]; limit?: number } = {}): AsyncGenerator<Delivery> {
    const place = path`/v1/webhooks/${this.id}/deliveries`;
    for await (const row of this.http.items<DeliveryOut>(place, { status }, limit)) {
      yield new Delivery(this.http, this.id, row.id, row);
    }
  }

  /** A delivery by its id. Sends nothing: call a method of it. */
  delivery(id: string): Delivery {
    return new Delivery(this.http, this.id, id);
  }
}

/** An event for an endpoint; its id is the `webhook-id` that the receiver gets. */
export class Delivery extends Handle<DeliveryOut> {
  constructor(
    http: Http,
    readonly webhookId: string,
    id: string,
    data?: DeliveryOut,
  ) {
    super(http, id, data);
  }

  protected override get place(): string {
    return path`/v1/webhooks/${this.webhookId}/deliveries/${this.id}`;
  }

  /** Send an ended delivery again, or attempt a pending one now. */
  resend(): Promise<this> {
    return this.load(this.http.json("POST", path`/v1/webhooks/${this.webhookId}/deliveries/${this.id}/resend`));
  }
}
