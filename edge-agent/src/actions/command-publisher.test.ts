// A command goes to every broker, and counts as sent when one took it.
import { expect, test } from "vitest";
import type { Input } from "../inputs/input.ts";
import { CommandPublisher } from "./command-publisher.ts";

function inputThat(publish: Input["publish"]): Input {
  const status = (): ReturnType<Input["status"]> => ({
    name: "x",
    isConnected: true,
    reason: null,
    counts: {},
  });
  return {
    name: "x",
    start: async () => {},
    stop: async () => {},
    publish,
    follow: () => Promise.resolve(),
    status,
  };
}

test("one broker is enough, all are asked, and none says why", async () => {
  const sent: string[] = [];
  const taking = inputThat(
    async (topic, payload, { qos }) => void sent.push(`${topic} ${String(payload)} ${qos}`),
  );
  const refusing = inputThat(() => Promise.reject(new Error("not connected")));
  await new CommandPublisher([refusing, taking, taking]).publish("m/command", "STOP");
  expect(sent).toEqual(["m/command STOP 1", "m/command STOP 1"]);
  await expect(new CommandPublisher([refusing, refusing]).publish("m", "STOP")).rejects.toThrow(
    /not connected; .*not connected/,
  );
  await expect(new CommandPublisher([]).publish("m", "STOP")).rejects.toThrow(/no MQTT input/);
});
