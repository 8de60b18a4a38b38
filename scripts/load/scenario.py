"""The real mix of a coordinator's client: a locust file.

Of 100 requests 52 read, 20 search, 10 match and 17 write; one signs in. A user asks once a second,
so that the number of users is the rate.
"""

import json
import random
from typing import Any

from locust import FastHttpUser, constant_throughput, task

API = "/api/v1"
REGION = "330782"  # the coordinator's
EMAIL, PASSWORD = "coordinator@demo.invalid", "demo-shuangku"
WORDS = ("锦纶", "染色", "电池", "拉链", "包装", "热管理", "涂层", "传感器", "zhang", "物流")
PROBLEMS = (
    ("超细旦锦纶袜浅色黄变", "高温定型后浅色锦纶袜发黄，白度下降，要求控制黄变"),
    ("光伏组件接线盒散热", "接线盒在夏季温度过高，二极管失效，需要新的散热结构"),
    ("拉链电镀废水减排", "电镀线含镍废水处理成本高，希望改用无镍工艺"),
    ("生鲜包装保鲜", "常温运输三天后果蔬失水，需要可降解的保鲜膜"),
)


class Coordinator(FastHttpUser):
    """One of many who work at the same time; what it knows, it has read before."""

    wait_time = constant_throughput(1)

    def on_start(self) -> None:
        self.token = ""
        self.sign_in()
        self.demands = [item["id"] for item in self._items("demands", state="published")]
        self.experts = [item["id"] for item in self._items("experts", state="in_pool")]
        own = self._items("experts", state="in_pool", region_code=REGION)
        self.own_experts = [item["id"] for item in own]

    @task(1)
    def sign_in(self) -> None:
        body = {"email": EMAIL, "password": PASSWORD}
        self.token = self._send("POST", "/auth:sign-in", "sign in", body=body)["access_token"]

    @task(20)
    def read_demand(self) -> None:
        self._send("GET", f"/demands/{random.choice(self.demands)}", "read a demand")

    @task(20)
    def read_expert(self) -> None:
        self._send("GET", f"/experts/{random.choice(self.experts)}", "read an expert")

    @task(12)
    def list_newest(self) -> None:
        kind = random.choice(("demands", "experts", "achievements"))
        self._send("GET", f"/{kind}?limit=50", "list")

    @task(20)
    def search(self) -> None:
        kind = random.choice(("demands", "experts"))
        self._send("GET", f"/{kind}?limit=20&text={random.choice(WORDS)}", "search")

    @task(6)
    def match(self) -> None:
        demand = random.choice(self.demands)
        self._send("POST", f"/demands/{demand}:match", "match", body={"limit": 20})

    @task(4)
    def preview(self) -> None:
        title, problem = random.choice(PROBLEMS)
        body = {"title": title, "problem": problem, "limit": 20}
        self._send("POST", "/matches:preview", "preview", body=body)

    @task(9)
    def draft_expert(self) -> None:
        number = random.randrange(10**9)
        body = {"name": f"试算{number}", "region_code": REGION}
        self._send("POST", "/experts", "write a draft", body=body)

    @task(8)
    def change_expert(self) -> None:
        """A change of the pool, which the index follows; of one's own region alone."""
        direction = f"{random.choice(WORDS)}第 {random.randrange(1_000)} 号工艺"
        self._send(
            "PATCH",
            f"/experts/{random.choice(self.own_experts)}",
            "change an expert",
            body={"research_directions": [direction]},
            headers={"If-Match": "*"},
        )

    def _items(self, kind: str, **filters: str) -> list[dict[str, Any]]:
        query = "&".join(f"{name}={value}" for name, value in filters.items())
        found: list[dict[str, Any]] = self._send("GET", f"/{kind}?limit=200&{query}", "list")[
            "items"
        ]
        return found

    def _send(
        self, method: str, path: str, name: str, *, body: Any = None, headers: Any = None
    ) -> dict[str, Any]:
        """The answer; one that is no success is a failure of the run, under the request's name."""
        own = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        with self.client.request(
            method,
            f"{API}{path}",
            name=name,
            json=body,
            headers=own | (headers or {}),
            catch_response=True,
        ) as response:
            if not 200 <= response.status_code < 300:
                response.failure(f"{response.status_code} {response.text[:200]}")
                return {}
            answer: dict[str, Any] = json.loads(response.text)
            return answer
