"""Users of the shop: most browse, some order. Imports Locust, hence only for Locust's own process."""

from __future__ import annotations

from http import HTTPStatus

from locust import FastHttpUser, between, task

from deploy.workloads.shop.orders import CATALOGUE


class Shopper(FastHttpUser):
    """Looks around and now and then orders something. Five of them make about eight requests a second."""

    wait_time = between(0.4, 1.0)
    connection_timeout = 3.0
    network_timeout = 10.0

    def on_start(self) -> None:
        """Each user orders its own sequence of items."""
        self.orders = 0

    @task(4)
    def browse(self) -> None:
        """GET /browse."""
        self.client.get("/browse")

    @task(1)
    def order(self) -> None:
        """Orders an item and reads the order back: an accepted order that cannot be found is a failure."""
        self.orders += 1
        body = {"item": CATALOGUE[self.orders % len(CATALOGUE)]["item"], "quantity": 1 + self.orders % 2}
        with self.client.post("/orders", json=body, catch_response=True) as answer:
            if answer.status_code != HTTPStatus.CREATED:
                answer.failure(f"ordering was answered with {answer.status_code}, not 201")
                return
            number = (answer.json() or {}).get("id")
            if number is None:
                answer.failure("the accepted order has no id")
                return
        self.client.get(f"/orders/{number}", name="/orders/[id]")
