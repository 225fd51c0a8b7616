import type { Labels } from "@millrace/stream";

const CAPTURE = /\{([^{}]+)\}/g;
/** What a label must not bring into a topic: more levels, wildcards. */
const UNSAFE = /[/+#]/;

/** Fills `{label}` in a topic; null when a label is missing, empty or would change the topic's shape. */
export function expandTopic(template: string, labels: Labels): string | null {
  let isComplete = true;
  const topic = template.replace(CAPTURE, (_, name: string) => {
    const value = Object.hasOwn(labels, name) ? labels[name] : undefined;
    if (value === undefined || value === "" || value.includes("\0") || UNSAFE.test(value)) isComplete = false;
    return value ?? "";
  });
  return isComplete ? topic : null;
}

/** The MQTT filter that takes every topic of the template; a level with a capture becomes `+`. */
export function topicFilter(template: string): string {
  return template
    .split("/")
    .map((level) => (level.includes("{") ? "+" : level))
    .join("/");
}
