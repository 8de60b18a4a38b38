// What a user of the TypeScript types writes: run with the address of a demonstration service.

import createClient, { type Client } from "openapi-fetch";
import type { DemandBody, DemandCreate, paths, ProblemBody } from "./shuangku.d.ts";

declare const process: { argv: string[] };

const baseUrl = process.argv[2]!;

function check(condition: unknown, what: unknown): asserts condition {
  if (!condition) throw new Error(JSON.stringify(what));
}

async function signedIn(name: string): Promise<Client<paths>> {
  const { data, error } = await createClient<paths>({ baseUrl }).POST("/api/v1/auth:sign-in", {
    body: { email: `${name}@demo.invalid`, password: "demo-shuangku" },
  });
  check(data && "access_token" in data, data ?? error); // and no second step
  const headers = { Authorization: `Bearer ${data.access_token}`, "Accept-Language": "en" };
  return createClient<paths>({ baseUrl, headers });
}

async function published(client: Client<paths>): Promise<DemandBody[]> {
  const found: DemandBody[] = [];
  let cursor: string | undefined;
  do {
    const { data, error } = await client.GET("/api/v1/demands", {
      params: { query: { state: "published", limit: 20, cursor } },
    });
    check(data, error);
    found.push(...data.items);
    cursor = data.next_cursor ?? undefined;
  } while (cursor);
  return found;
}

async function match(client: Client<paths>, demand: DemandBody): Promise<void> {
  const { data, error } = await client.POST("/api/v1/demands/{demand_id}:match", {
    params: { path: { demand_id: demand.id } },
    body: { limit: 3 },
  });
  check(data, error);
  const [best, ...others] = data.matches;
  check(best && others.length === 2, data.matches);
  const total = best.contributions.reduce((sum, term) => sum + term.value, 0);
  check(Math.abs(total - best.score) < 1e-6, best);
}

async function write(client: Client<paths>): Promise<void> {
  const body: DemandCreate = { title: "客户端程序的需求", keywords: ["黄变"] };
  const { data, error, response } = await client.POST("/api/v1/demands", { body });
  check(data, error);
  const header = { "If-Match": response.headers.get("ETag")! };
  const params = { path: { demand_id: data.id }, header };
  const changed = await client.PATCH("/api/v1/demands/{demand_id}", {
    params,
    body: { problem: "浅色袜定型后黄变" },
  });
  check(changed.data?.problem === "浅色袜定型后黄变", changed.error);
  const stale = await client.PATCH("/api/v1/demands/{demand_id}", { params, body: {} });
  const problem: ProblemBody | undefined = stale.error;
  check(problem?.status === 412 && problem.code === "precondition_failed", problem);
}

// What must not compile: each of these lines is an error, or the program is one.
export async function mistakes(client: Client<paths>): Promise<void> {
  // @ts-expect-error there is no such path
  await client.GET("/api/v1/demand");
  // @ts-expect-error a demand has a title
  await client.POST("/api/v1/demands", { body: { problem: "…" } });
  // @ts-expect-error no such state
  await client.GET("/api/v1/demands", { params: { query: { state: "done" } } });
  // @ts-expect-error a change names the version that it was made from
  await client.PATCH("/api/v1/me", { body: { display_name: "…" } });
}

const coordinator = await signedIn("coordinator");
const demands = await published(coordinator);
check(demands.length > 40 && demands[0], demands.length);
await match(coordinator, demands[0]);
await write(await signedIn("enterprise"));
console.log(`${demands.length} demands, all well`);
