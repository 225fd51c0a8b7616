/** SIGHUP asks for the configuration anew. On a terminal it stays what it is there: the terminal is gone, and the program ends. */
export function onReloadSignal(reload: () => void): void {
  if (!process.stdout.isTTY) process.on("SIGHUP", reload);
}
