import { join } from "node:path";
import type { Bench } from "./bench.ts";
import { rounded } from "./measure/statistics.ts";
import { startAedesBroker } from "./workload/aedes-broker.ts";
import { startAgentBroker } from "./workload/agent-broker.ts";
import { inBenchFolder } from "./workload/bench-folder.ts";
import { startEkuiperBroker } from "./workload/ekuiper-broker.ts";
import { FloodTarget } from "./workload/flood-target.ts";
import { startMosquittoBroker } from "./workload/mosquitto-broker.ts";

/** More than eKuiper takes on two cores it drops. */
const EKUIPER_PER_SECOND = 10_000;
const LOAD = { connections: 4, devices: 1_000, readingsPerMessage: 1, qos: 0 } as const;

/** One JSON reading a message at QoS 0, from a thousand devices, to panes that the disk holds. */
export const agentQos0: Bench = {
  name: "agent-qos0",
  summary: "QoS 0 messages a second and core through the real agent, to durable panes, beside plain aedes",
  run: ({ isQuick, say }) =>
    inBenchFolder(async (folder) => {
      const round = { durationMs: isQuick ? 1_500 : 5_000, inFlight: 0 };
      const targets: FloodTarget[] = [];
      try {
        const agentBroker = await startAgentBroker(join(folder, "agent"));
        const agent = await FloodTarget.start(agentBroker, LOAD, targets);
        const aedes = await FloodTarget.start(await startAedesBroker(), LOAD, targets);
        const mosquitto = await startMosquittoBroker(join(folder, "mosquitto"));
        if (mosquitto !== null) await FloodTarget.start(mosquitto, LOAD, targets);
        for (const target of targets) await target.run(round);
        for (let count = 0; count < (isQuick ? 1 : 5); count += 1) {
          say(`round ${count + 1}`);
          for (const target of targets) await target.measure(round);
        }
        await agentBroker.checkLedger();
        const ekuiper = await measureEkuiper(join(folder, "ekuiper"), round.durationMs, targets);
        return {
          value: rounded(agent.perCpuSecond()),
          unit: "messages/s of processor time",
          better: "higher",
          peer: { name: "aedes alone", value: rounded(aedes.perCpuSecond()) },
          further: Object.assign(
            { spread: agent.spread() },
            ekuiper !== null && { timesEkuiper: rounded(agent.perCpuSecond() / ekuiper.perCpuSecond()) },
            ...targets.map((target) => target.figures()),
          ),
        };
      } finally {
        await Promise.all(targets.map((target) => target.stop()));
      }
    }),
};

/** At a pace that it follows, with the same readings; what it drops would make it look quick. */
async function measureEkuiper(
  folder: string,
  durationMs: number,
  targets: FloodTarget[],
): Promise<FloodTarget | null> {
  const broker = await startEkuiperBroker(folder);
  if (broker === null) return null;
  const target = await FloodTarget.start(broker, { ...LOAD, isNow: true }, targets);
  const round = { durationMs, inFlight: 0, perSecond: EKUIPER_PER_SECOND };
  await target.run(round);
  const before = await broker.taken();
  for (let count = 0; count < 3; count += 1) await target.measure(round);
  const sent = target.results.reduce((sum, { messageCount }) => sum + messageCount, 0);
  const taken = (await broker.taken()) - before;
  if (taken < 0.99 * sent) throw new Error(`cannot compare: eKuiper took ${taken} of ${sent} messages`);
  return target;
}
