export const SEVERITY_LEVELS = ["critical", "high", "medium", "low"] as const;
export type SeverityLevel = (typeof SEVERITY_LEVELS)[number];

/** The four levels of OPC UA Part 9's 1 to 1000, as most control rooms band them. */
export function severityLevel(severity: number): SeverityLevel {
  if (severity > 800) return "critical";
  if (severity > 600) return "high";
  if (severity > 400) return "medium";
  return "low";
}
