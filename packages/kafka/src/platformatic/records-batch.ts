import type { Consumer } from "@platformatic/kafka";

type FetchResponse = Awaited<ReturnType<Consumer["fetch"]>>;

/** Records as the client gives them from one fetch. */
export type RecordsBatch = NonNullable<
  NonNullable<FetchResponse["responses"][number]["partitions"][number]["records"]>
>[number];
