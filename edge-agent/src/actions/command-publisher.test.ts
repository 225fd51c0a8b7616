// A command goes to every broker, and counts as sent when one took it.
import { MemoryLogger } from "@millrace/runtime";
import { expect, test, vi } from "vitest";
import type { Input } from "../inputs/input.ts";
import { CommandPublisher, type CommandResult } from "./command-publisher.ts";

function inputThat(
  publish: Input["publish"],
  { name = "x", mustTakeCommands = false }: Partial<Pick<Input, "name" | "mustTakeCommands">> = {},
): Input {
  const status = (): ReturnType<Input["status"]> => ({
    name: "x",
    isConnected: true,
    reason: null,
    counts: {},
  });
  return {
    name,
    mustTakeCommands,
    start: async () => {},
    stop: async () => {},
    publish,
    follow: () => Promise.resolve(),
    status,
  };
}

test("one broker is enough, all are asked, the log names those that did not take it; and none says why", async () => {
  const log = new MemoryLogger();
  const sent: string[] = [];
  const taking = inputThat(
    async (topic, payload, { qos }) => void sent.push(`${topic} ${String(payload)} ${qos}`),
  );
  const refusing = inputThat(() => Promise.reject(new Error("not connected")));
  await new CommandPublisher([refusing, taking, taking], log).publish("m/command", "STOP");
  expect(sent).toEqual(["m/command STOP 1", "m/command STOP 1"]);
  await vi.waitFor(() =>
    expect(log.lines).toMatchObject([{ message: expect.stringContaining("did not take a command") }]),
  );
  await expect(new CommandPublisher([refusing, refusing], log).publish("m", "STOP")).rejects.toThrow(
    /not connected; .*not connected/,
  );
  await expect(new CommandPublisher([], log).publish("m", "STOP")).rejects.toThrow(/no MQTT input/);
});

test("a broker that must take commands has to have them, whatever the others do", async () => {
  const log = new MemoryLogger();
  const taking = inputThat(async () => {}, { name: "broker" });
  const late = Promise.withResolvers<void>();
  const required = inputThat(() => late.promise, { name: "mqtt", mustTakeCommands: true });
  const results: string[] = [];
  const told = ({ input, reason }: CommandResult) => void results.push(`${input} ${reason}`);
  let isSent = false;
  const sent = new CommandPublisher([taking, required], log)
    .publish("m/command", "STOP", { told })
    .then(() => (isSent = true));
  await vi.waitFor(() => expect(results).toEqual(["broker null"]));
  expect(isSent).toBe(false);
  late.resolve();
  await sent;
  expect(results).toEqual(["broker null", "mqtt null"]);
  const refusing = inputThat(() => Promise.reject(new Error("not connected")), {
    name: "mqtt",
    mustTakeCommands: true,
  });
  await expect(
    new CommandPublisher([taking, refusing], log).publish("m/command", "STOP", { told }),
  ).rejects.toThrow(/not connected/);
  expect(results.slice(2)).toEqual(["broker null", "mqtt not connected"]);
});
