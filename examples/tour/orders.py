"""Sample handlers of a fan-out and a flow: orders and invoices."""

from typing import TypedDict

from pydantic import BaseModel

from triage import Context, NonRetryable, job

#: Prices in cents by article.
PRICES = {"lamp": 4_900, "desk": 24_900, "chair": 12_900}
TAX_PERCENT = 19


class InvoicePayload(BaseModel):
    """The payload of all jobs of an invoice."""

    invoice_id: str


class LineItem(TypedDict):
    article: str
    cents: int


class LineItems(TypedDict):
    invoice_id: str
    items: list[LineItem]


class Tax(TypedDict):
    tax_cents: int


class Discount(TypedDict):
    discount_cents: int


class Invoice(TypedDict):
    invoice_id: str
    net_cents: int
    discount_cents: int
    tax_cents: int
    total_cents: int


@job(name="process-order", retry={"max_attempts": 3, "delay_seconds": 1})
async def process_order(ctx: Context, order_id: str) -> dict[str, str]:
    """Orders whose id begins with `bad` fail every time; with `gone` they fail without a retry."""
    if order_id.startswith("gone"):
        raise NonRetryable(f"order {order_id} was deleted")
    if order_id.startswith("bad"):
        raise ValueError(f"order {order_id} cannot be fulfilled")
    return {"order_id": order_id, "status": "fulfilled"}


@job(name="fetch-line-items", queue="data")
async def fetch_line_items(ctx: Context, payload: InvoicePayload) -> LineItems:
    """Return the articles of an invoice."""
    items = [LineItem(article=article, cents=cents) for article, cents in PRICES.items()]
    return {"invoice_id": payload.invoice_id, "items": items}


@job(name="calculate-tax", queue="data")
async def calculate_tax(ctx: Context, payload: InvoicePayload) -> Tax:
    """Return the tax on an invoice, in cents."""
    return {"tax_cents": sum(PRICES.values()) * TAX_PERCENT // 100}


@job(name="apply-discounts", queue="data")
async def apply_discounts(ctx: Context, payload: InvoicePayload) -> Discount:
    """Return the discount of ten percent, in cents."""
    return {"discount_cents": sum(PRICES.values()) // 10}


@job(name="generate-invoice", queue="invoicing")
async def generate_invoice(ctx: Context, payload: InvoicePayload) -> Invoice:
    """Add up the invoice, in cents, from the results of its dependencies, without the failed ones."""
    ends = await ctx.dependencies()
    lines: LineItems | None = ends.get("fetch-line-items", {}).get("result")
    discounts: Discount | None = ends.get("apply-discounts", {}).get("result")
    taxes: Tax | None = ends.get("calculate-tax", {}).get("result")
    net = sum(item["cents"] for item in lines["items"]) if lines else 0
    discount = discounts["discount_cents"] if discounts else 0
    tax = taxes["tax_cents"] if taxes else 0
    return {
        "invoice_id": payload.invoice_id,
        "net_cents": net,
        "discount_cents": discount,
        "tax_cents": tax,
        "total_cents": net - discount + tax,
    }
