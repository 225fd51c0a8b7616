/** Of what a machine says and hears; `last` is the topic's last level. */
export function topicOf(
  machine: { readonly site: string; readonly line: string; readonly machine: string },
  last: string,
): string {
  return `factory/${machine.site}/${machine.line}/${machine.machine}/${last}`;
}
