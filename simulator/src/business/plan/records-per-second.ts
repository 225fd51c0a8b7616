import type { BusinessPlan } from "./business-plan.ts";

/** About how many records a plan makes where it is busiest. */
export function recordsPerSecond({
  orders,
  transfers,
  trucks,
  appOpens,
}: Pick<BusinessPlan, "orders" | "transfers" | "trucks" | "appOpens">): number {
  return (
    (orders === null ? 0 : orders.perSecond * (orders.festival?.peak ?? 2)) +
    (transfers === null ? 0 : transfers.perSecond * 2) +
    (trucks === null
      ? 0
      : (trucks.routes.reduce((sum, route) => sum + route.trucks, 0) * 1_000) / trucks.everyMs) +
    (appOpens === null
      ? 0
      : (appOpens.users * appOpens.sessionsPerUserDay * appOpens.opensPerSession * 2) / 86_400)
  );
}
