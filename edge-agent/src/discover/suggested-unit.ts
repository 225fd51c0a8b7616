/** Units that names often mean. */
const UNITS: readonly (readonly [RegExp, string])[] = [
  [/temp/i, "°C"],
  [/humidity|percent|load|level|duty/i, "%"],
  [/pressure/i, "bar"],
  [/vibration|velocity/i, "mm/s"],
  [/current|ampere/i, "A"],
  [/voltage|volt/i, "V"],
  [/power|watt/i, "W"],
  [/energy|kwh/i, "kWh"],
  [/rpm|speed|rotation/i, "1/min"],
  [/flow/i, "m³/h"],
];

/** A guess by a metric's name; "1" where it tells nothing. */
export function suggestedUnit(name: string): string {
  return UNITS.find(([pattern]) => pattern.test(name))?.[1] ?? "1";
}

/** Other spellings of units (the last two are the single letters ℃ and ℉), and those of SenML. */
const SPELLINGS: readonly (readonly [RegExp, string])[] = [
  [/^(?:c|cel|celsius|degc|deg c|\u2103)$/i, "°C"],
  [/^(?:f|fahrenheit|degf|deg f|\u2109)$/i, "°F"],
  [/^(?:percent|%rh)$/i, "%"],
  [/^rpm$/i, "1/min"],
];

/** A unit as it is usually written. */
export function usualUnit(unit: string): string {
  return SPELLINGS.find(([pattern]) => pattern.test(unit))?.[1] ?? unit;
}
