"""Orders and invoices: the fan-out and the flow of the README's tour, with numbers that can be checked."""

from typing import Any

from pydantic import BaseModel

from workers.handler import NonRetryable, job

#: What the examples sell: price in cents by article.
PRICES = {"lamp": 4_900, "desk": 24_900, "chair": 12_900}
TAX_PERCENT = 19


class InvoicePayload(BaseModel):
    """All parts of an invoice know it by its id."""

    invoice_id: str


@job(name="process-order", retry={"max_attempts": 3, "delay_seconds": 1})
async def process_order(ctx: Any, order_id: str) -> dict[str, str]:
    """An order whose id begins with `bad` fails every time, one that begins with `gone` for good."""
    if order_id.startswith("gone"):
        raise NonRetryable(f"order {order_id} was deleted")
    if order_id.startswith("bad"):
        raise ValueError(f"order {order_id} cannot be fulfilled")
    return {"order_id": order_id, "status": "fulfilled"}


@job(name="fetch-line-items", queue="data")
async def fetch_line_items(ctx: Any, payload: InvoicePayload) -> dict[str, Any]:
    """The articles of an invoice."""
    items = [{"article": article, "cents": cents} for article, cents in PRICES.items()]
    return {"invoice_id": payload.invoice_id, "items": items}


@job(name="calculate-tax", queue="data")
async def calculate_tax(ctx: Any, payload: InvoicePayload) -> dict[str, int]:
    """Tax on the articles of an invoice, in cents."""
    return {"tax_cents": sum(PRICES.values()) * TAX_PERCENT // 100}


@job(name="apply-discounts", queue="data")
async def apply_discounts(ctx: Any, payload: InvoicePayload) -> dict[str, int]:
    """One tenth off, in cents."""
    return {"discount_cents": sum(PRICES.values()) // 10}


@job(name="generate-invoice", queue="invoicing")
async def generate_invoice(ctx: Any, payload: InvoicePayload) -> dict[str, Any]:
    """The whole invoice, in cents, from the results of its dependencies, without the failed ones."""
    parts = {key: end["result"] or {} for key, end in (await ctx.dependencies()).items()}
    net = sum(item["cents"] for item in parts.get("fetch-line-items", {}).get("items", ()))
    discount = parts.get("apply-discounts", {}).get("discount_cents", 0)
    tax = parts.get("calculate-tax", {}).get("tax_cents", 0)
    return {
        "invoice_id": payload.invoice_id,
        "net_cents": net,
        "discount_cents": discount,
        "tax_cents": tax,
        "total_cents": net - discount + tax,
    }
