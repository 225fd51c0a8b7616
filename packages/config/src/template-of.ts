import { parseTopicTemplate, type TopicTemplate } from "@millrace/wire";

/** Undefined where the topic is none: the schema says so. */
export function templateOf(topic: string): TopicTemplate | undefined {
  const parsed = parseTopicTemplate(topic);
  return parsed.ok ? parsed.template : undefined;
}
