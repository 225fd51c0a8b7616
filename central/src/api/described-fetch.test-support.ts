import { expect } from "vitest";
import { z } from "zod";
import { OPENAPI } from "./openapi.ts";
import { RouteMethods } from "./route-methods.ts";

/**
 * `fetch`, and the answer is what the API's description says of its route and status: its type, and every field of it. What is
 * no route of the API is not looked at.
 */
export async function describedFetch(url: string, init?: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  const method = init?.method ?? "GET";
  const { pathname } = new URL(url);
  const path = pathOf(method, pathname);
  const type = response.headers.get("content-type")?.split(";", 1)[0] ?? "";
  const place = `${method} ${pathname}: ${response.status} ${type}`;
  if (path === undefined || response.status === 304) {
    if (response.status >= 400) expect(type, place).toBe("application/problem+json");
    return response;
  }
  const described = OPENAPI.paths[path]?.[method.toLowerCase()]?.["responses"];
  const { content } = z
    .object({ content: z.record(z.string(), z.object({ schema: z.looseObject({}).optional() })) })
    .parse(z.record(z.string(), z.unknown()).parse(described)[response.status], {
      error: () => `${place} is not described`,
    });
  if (content["*/*"] !== undefined) return response;
  expect(Object.keys(content), place).toContain(type);
  const schema = content[type]?.schema;
  if (schema !== undefined) {
    const parsed = z
      .fromJSONSchema(strict({ ...schema, $defs: OPENAPI.components.schemas }))
      .safeParse(await response.clone().json());
    expect(parsed.error?.issues ?? [], place).toEqual([]);
  }
  return response;
}

const methods = Object.keys(OPENAPI.paths).map((path) => {
  const routes = new RouteMethods();
  for (const method of Object.keys(OPENAPI.paths[path] ?? {})) routes.add(method.toUpperCase(), path);
  return { path, routes };
});

/** A path without a parameter before one with. */
function pathOf(method: string, pathname: string): string | undefined {
  const found = methods.filter(({ routes }) => routes.of(pathname).includes(method)).map(({ path }) => path);
  return found.find((path) => !path.includes("{")) ?? found[0];
}

/** Tests see a field that the description has not. */
function strict(schema: object): z.core.JSONSchema.JSONSchema {
  return JSON.parse(
    JSON.stringify(schema).replaceAll("#/components/schemas/", "#/$defs/"),
    (_key, value: unknown) =>
      typeof value === "object" &&
      value !== null &&
      "type" in value &&
      value.type === "object" &&
      "properties" in value
        ? { ...value, additionalProperties: false }
        : value,
  );
}
