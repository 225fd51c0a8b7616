import type { FileSinkConfig } from "@millrace/config";
import { systemClock } from "@millrace/runtime";
import type { Logger } from "@millrace/runtime";
import type { WindowResult } from "@millrace/stream";
import type { AlarmView } from "../../alarms/alarm-view.ts";
import { alarmRecord } from "../alarm-record.ts";
import { windowRecord } from "../window-record.ts";
import { FileSink } from "./file-sink.ts";
import { SinkFolder } from "./sink-folder.ts";

export interface FileSinkParts {
  readonly config: FileSinkConfig;
  readonly generation: number;
  readonly log: Logger;
}

/** `windows.jsonl` and `alarms.jsonl`. */
export function openFileSink({ config, generation, log }: FileSinkParts): {
  readonly windows: FileSink<WindowResult>;
  readonly alarms: FileSink<AlarmView>;
} {
  const { folder, rotation } = config;
  const common = { folder: new SinkFolder(folder), rotation, clock: systemClock, log };
  return {
    windows: new FileSink({
      ...common,
      name: "file",
      stem: "windows",
      recordOf: (result) => windowRecord(result, generation),
    }),
    alarms: new FileSink({
      ...common,
      name: "file_alarms",
      stem: "alarms",
      recordOf: (alarm) => alarmRecord(alarm, generation),
    }),
  };
}
