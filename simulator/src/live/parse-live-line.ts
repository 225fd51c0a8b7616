import type { LiveOrder } from "./live-order.ts";

/** What a person typed: an order, a question, or in words what is wrong with it. */
export type LiveLine =
  | { readonly kind: "order"; readonly order: LiveOrder }
  | { readonly kind: "help" | "faults" | "quit" | "nothing" }
  | { readonly kind: "problem"; readonly problem: string };

/** What may be typed, for the help. */
export const LIVE_HELP = `overheat MACHINE [CELSIUS]      it runs away until it is stopped (150 °C)
fault KIND PLACE [key=value …]  any fault of a plan, from now on: fault leak alpha/line-1/machine-1 share=0.5 for=30s
end NUMBER                      ends a fault
stop SITE [DURATION]            its power goes (1h)
cut SITE, hang SITE             its line to central goes down, or hangs
restore SITE                    its line goes as the plan has it
junk SITE [COUNT]               payloads that are none (1)
faults                          what is there now, and lines that are not up
help, quit
`;

const OVERHEAT_CELSIUS = 150;
const STOP_FOR = "1h";

export function parseLiveLine(line: string): LiveLine {
  const [verb = "", place, ...rest] = line.trim().split(/\s+/);
  const order = (made: LiveOrder): LiveLine => ({ kind: "order", order: made });
  const lacks = (what: string): LiveLine => ({
    kind: "problem",
    problem: `${verb} needs ${what}; help says more`,
  });
  switch (verb) {
    case "":
      return { kind: "nothing" };
    case "help":
    case "faults":
    case "quit":
      return { kind: verb };
    case "overheat": {
      const targetCelsius = Number(rest[0] ?? OVERHEAT_CELSIUS);
      if (place === undefined || Number.isNaN(targetCelsius)) return lacks("a machine, and °C if any");
      return order({ do: "fault", fault: { fault: "overheating", machine: place, targetCelsius } });
    }
    case "fault": {
      const [target, ...pairs] = rest;
      if (place === undefined || target === undefined) return lacks("a kind and a place");
      const settings = pairs.map((pair) => /^(\w+)=(.+)$/.exec(pair));
      const bad = settings.indexOf(null);
      if (bad >= 0) return { kind: "problem", problem: `${pairs[bad]} is no key=value` };
      const given = settings.map((match) => [match?.[1] ?? "", valueOf(match?.[2] ?? "")] as const);
      const fault = { fault: place, [placeKey(target)]: target, ...Object.fromEntries(given) };
      return order({ do: "fault", fault });
    }
    case "end": {
      const number = Number(place);
      return Number.isInteger(number) && number > 0
        ? order({ do: "end", number })
        : lacks("a fault's number");
    }
    case "stop":
      if (place === undefined) return lacks("a site");
      return order({ do: "fault", fault: { fault: "power-cut", site: place, for: rest[0] ?? STOP_FOR } });
    case "cut":
    case "hang":
    case "restore": {
      if (place === undefined) return lacks("a site");
      const state = { cut: "down", hang: "half-open", restore: "plan" } as const;
      return order({ do: "link", site: place, state: state[verb] });
    }
    case "junk": {
      const count = Number(rest[0] ?? 1);
      if (place === undefined || !Number.isInteger(count) || count < 1)
        return lacks("a site, and a count if any");
      return order({ do: "junk", site: place, count: Math.min(count, 10_000) });
    }
    default:
      return { kind: "problem", problem: `no command "${verb}"; help lists them` };
  }
}

/** A site, a machine or a sensor, by the levels of its name. */
function placeKey(place: string): "site" | "machine" | "sensor" {
  const levels = place.split("/").length;
  return levels === 1 ? "site" : levels === 4 ? "sensor" : "machine";
}

function valueOf(text: string): unknown {
  if (text.includes(",")) return text.split(",");
  return text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text);
}
