"""A browser window that records everything our pages must not do."""

import re
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Locator, Request, expect

#: The message that the browser itself logs when an API responds with a problem.
_PROBLEM_NOTE = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")
_NOTE_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
"""


class Visit:
    """`refusals` are the statuses of failed responses, `expected` those that a test provokes."""

    def __init__(self, where: Browser | BrowserContext, origin: str, **options: Any) -> None:
        """In a context with these options, or as a tab of a context that tests share."""
        self.origin = origin
        self._shared = where if isinstance(where, BrowserContext) else None
        self.context = where if isinstance(where, BrowserContext) else where.new_context(**options)
        self.context.set_default_timeout(10_000)
        self.page = self.context.new_page()
        self.requests: list[Request] = []
        self.complaints: list[str] = []
        self.refusals: set[int] = set()
        self.expected: set[int] = set()
        self.secrets: list[str] = []
        self.page.add_init_script(_NOTE_VIOLATIONS)
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("dialog", self._on_dialog)
        self.page.on("popup", lambda popup: self.complaints.append(f"window: {popup.url}"))
        self.page.on("request", lambda request: self.requests.append(request))

    def _on_console(self, message: ConsoleMessage) -> None:
        note = _PROBLEM_NOTE.match(message.text)
        if note is not None:
            self.refusals.add(int(note[1]))
        elif message.type in ("error", "warning"):
            self.complaints.append(f"console: {message.text}")

    def _on_dialog(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def open(self, fragment: str = "") -> None:
        """Reloads the page, as when a user opens a link with this fragment."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.origin}/dashboard{fragment}")

    def go(self, fragment: str) -> None:
        """As a link of the page does."""
        self.page.evaluate("(hash) => { location.hash = hash; }", fragment)

    def loaded(self) -> None:
        """Every part of the page has been read."""
        expect(self.page.locator("section .body[aria-busy]")).to_have_count(0)

    def use_key(self, key: str) -> None:
        self.secrets.append(key)
        self.page.get_by_label("API key").fill(key)
        self.page.get_by_role("button", name="Use key").click()

    def panel(self, name: str) -> Locator:
        return self.page.get_by_role("region", name=name, exact=True)

    def row(self, text: str) -> Locator:
        return self.page.get_by_role("row").filter(has_text=text)

    def confirm(self, verb: str) -> None:
        """In the page's dialog."""
        self.page.get_by_role("dialog").get_by_role("button", name=verb, exact=True).click()

    def sees(self, locator: Locator, text: str) -> None:
        expect(locator).to_contain_text(text)

    def is_not_at(self, id: str) -> None:
        """The page has moved on to something else."""
        expect(self.page.get_by_role("heading", level=1)).not_to_contain_text(id)

    def is_told(self, text: str) -> None:
        """At once, also to a screen reader."""
        expect(self.page.get_by_role("alert").filter(has_text=text)).to_have_count(1)

    def asked(self, part: str) -> int:
        """The number of requests whose address ends with this."""
        return sum(request.url.endswith(part) for request in self.requests)

    def close(self) -> None:
        violations: list[str] = self.page.evaluate("window.violations")
        cookies = self.context.cookies()
        if self._shared is None:
            self.context.close()
        else:
            self.page.close()
        found = (self.complaints, violations, cookies, self.refusals)
        assert found == ([], [], [], self.expected), found
        urls = [request.url for request in self.requests]
        assert [url for url in urls if not url.startswith((self.origin + "/", "about:"))] == []
        assert [url for url in urls if any(secret in url for secret in self.secrets)] == []
